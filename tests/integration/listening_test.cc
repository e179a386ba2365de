// Where a server listens, and what it says when it cannot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A path for a socket: short, as sockets need it, and this process's own.
std::string SocketPath(const char* name) {
  return absl::StrCat("/tmp/lossd-", getpid(), "-", name, ".sock");
}

absl::StatusOr<std::unique_ptr<Server>> Listen(std::vector<std::string> addresses) {
  ServerOptions options;
  options.listen = std::move(addresses);
  options.threads = 1;
  return Server::Create(options);
}

bool Serves(const std::string& address) {
  const auto stub = v1::LossService::NewStub(Connect(address));
  grpc::ClientContext context;
  v1::GetServerInfoResponse response;
  return stub->GetServerInfo(&context, {}, &response).ok();
}

TEST(ListeningTest, ReportsRealPortsForAllAddresses) {
  const std::string path = SocketPath("several");
  const auto server = Listen({"127.0.0.1:0", "localhost:0", "unix:" + path});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto& addresses = (*server)->addresses();
  ASSERT_EQ(addresses.size(), 3);
  EXPECT_THAT(addresses[0], ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  EXPECT_THAT(addresses[1], ::testing::MatchesRegex("localhost:[1-9][0-9]*"));
  EXPECT_EQ(addresses[2], "unix:" + path);
  for (const std::string& address : addresses) EXPECT_TRUE(Serves(address)) << address;
}

TEST(ListeningTest, ASecondServerOnAPortIsRefusedAndTheFirstServesOn) {
  const auto first = Listen({"127.0.0.1:0"});
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = (*first)->addresses()[0];
  const auto second = Listen({"127.0.0.1:0", address});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr("cannot listen at " + address), HasSubstr("Address already in use")));
  EXPECT_TRUE(Serves(address));
}

TEST(ListeningTest, ASecondServerOnASocketFileIsRefusedAndTheFirstServesOn) {
  const std::string address = "unix:" + SocketPath("twice");
  const auto first = Listen({address});
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = Listen({address});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr("cannot listen at " + address), HasSubstr("Address already in use")));
  EXPECT_TRUE(Serves(address));
}

TEST(ListeningTest, AnAddressThatIsNotThisMachinesIsRefusedByName) {
  // Reserved for documentation (RFC 5737).
  const auto server = Listen({"192.0.2.1:0"});
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()),
              AllOf(HasSubstr("cannot listen at 192.0.2.1:0"),
                    HasSubstr("Cannot assign requested address")));
}

TEST(ListeningTest, AFileThatIsNoSocketIsLeftAlone) {
  const std::string path = SocketPath("file");
  std::ofstream(path) << "precious";
  const auto server = Listen({"unix:" + path});
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()),
              AllOf(HasSubstr("cannot listen at unix:" + path), HasSubstr("is no socket")));
  std::string content;
  std::ifstream(path) >> content;
  EXPECT_EQ(content, "precious");
  unlink(path.c_str());
}

TEST(ListeningTest, AFolderThatIsNotThereIsNamed) {
  const std::string address = "unix:/tmp/lossd-no-such-folder/socket";
  const auto server = Listen({address});
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(
      std::string(server.status().message()),
      AllOf(HasSubstr("cannot listen at " + address), HasSubstr("No such file or directory")));
}

TEST(ListeningTest, ASocketFileThatNobodyServesIsTakenOver) {
  const std::string path = SocketPath("orphan");
  sockaddr_un file = {};
  file.sun_family = AF_UNIX;
  path.copy(file.sun_path, sizeof(file.sun_path) - 1);
  const int orphan = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(orphan, reinterpret_cast<const sockaddr*>(&file), sizeof(file)), 0);  // NOLINT
  close(orphan);
  const auto server = Listen({"unix:" + path});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Serves("unix:" + path));
}

TEST(ListeningTest, TheSocketFileGoesWithTheServer) {
  const std::string path = SocketPath("stale");
  for (int i = 0; i < 2; ++i) {
    auto server = Listen({"unix:" + path});
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_TRUE(Serves("unix:" + path));
    EXPECT_TRUE((*server)->Shutdown(absl::Seconds(10)));
    struct stat status = {};
    EXPECT_NE(stat(path.c_str(), &status), 0);
  }
}

}  // namespace
}  // namespace lossd
