#include "tests/server/runs/redis/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/runs/redis/redis_connection.h"

namespace lossd::runs {
namespace {

constexpr char kProgram[] = "/usr/bin/redis-server";

// Returns a port that nobody has now.
int AnyFreePort() {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(descriptor, any, size), 0);
  EXPECT_EQ(getsockname(descriptor, any, &size), 0);
  close(descriptor);
  return ntohs(address.sin_port);
}

// Returns one for which there is one 10000 higher, where nodes of a cluster speak to each other.
int FreePort() {
  constexpr int kMost = 55535;
  int port = AnyFreePort();
  while (port > kMost) port = AnyFreePort();
  return port;
}

[[noreturn]] void BecomeServer(const std::vector<std::string>& arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDOUT_FILENO);
  dup2(nothing, STDERR_FILENO);
  std::vector<char*> texts;
  texts.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments)
    texts.push_back(const_cast<char*>(argument.c_str()));
  texts.push_back(nullptr);
  execv(kProgram, texts.data());
  _exit(1);
}

}  // namespace

bool RedisServer::IsInstalled() { return access(kProgram, X_OK) == 0; }

RedisServer::RedisServer(std::vector<std::string> options)
    : options_(std::move(options)), folder_(absl::StrCat(testing::TempDir(), "/redis_XXXXXX")) {
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  address_.host = "127.0.0.1";
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    address_.port = FreePort();
    if (TryStart()) return;
  }
  ADD_FAILURE() << "redis-server does not start";
}

RedisServer::~RedisServer() {
  Kill();
  std::filesystem::remove_all(folder_);
}

bool RedisServer::TryStart() {
  std::vector<std::string> arguments = {kProgram, "--port",    absl::StrCat(address_.port),
                                        "--bind", "127.0.0.1", "--dir",
                                        folder_,  "--save",    ""};
  arguments.insert(arguments.end(), options_.begin(), options_.end());
  process_ = fork();
  if (process_ == 0) BecomeServer(arguments);
  constexpr absl::Duration kLongest = absl::Seconds(30);
  const absl::Time end = absl::Now() + kLongest;
  while (absl::Now() < end) {
    if (waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = 0;
      return false;
    }
    RedisAddress any = address_;
    any.password = "";
    auto connection = RedisConnection::Open(any);
    if (connection.ok()) {
      const auto reply = connection->Call({"PING"});
      // What wants a password is there, too.
      if (reply.ok() && !absl::StartsWith((**reply).bytes(), "LOADING")) return true;
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

void RedisServer::Kill() {
  if (process_ == 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = 0;
}

void RedisServer::Start() { EXPECT_TRUE(TryStart()) << "redis-server does not start again"; }

std::string RedisServer::Run(const std::vector<std::string>& command) {
  auto connection = RedisConnection::Open(address_);
  EXPECT_TRUE(connection.ok()) << connection.status();
  if (!connection.ok()) return "";
  const std::vector<absl::string_view> parts(command.begin(), command.end());
  const auto reply = connection->Call(parts);
  EXPECT_TRUE(reply.ok()) << reply.status();
  if (!reply.ok()) return "";
  EXPECT_FALSE((**reply).is_error()) << (**reply).bytes();
  return std::string((**reply).bytes());
}

}  // namespace lossd::runs
