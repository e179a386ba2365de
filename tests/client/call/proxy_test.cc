// Proxies that the environment names: which calls go through one, and what their errors say.
#include "client/src/call/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/client.h"
#include "tests/client/fake_server.h"

namespace lossd::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A listener on a free loopback port that accepts nothing, so that who connects is seen.
class SilentProxy {
 public:
  SilentProxy() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    authority_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~SilentProxy() { close(listener_); }
  SilentProxy(const SilentProxy&) = delete;
  SilentProxy& operator=(const SilentProxy&) = delete;

  const std::string& authority() const { return authority_; }
  bool SawAConnection() const {
    pollfd polled = {listener_, POLLIN, 0};
    return poll(&polled, 1, 0) == 1;
  }

 private:
  int listener_;
  std::string authority_;
};

class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() { Unset(); }
  ~ProxyTest() override { Unset(); }

  static void Set(const char* variable, const std::string& value) {
    setenv(variable, value.c_str(), 1);
  }
  static void Unset() {
    for (const char* variable : {"grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy",
                                 "no_proxy", "NO_PROXY", "HTTP_PROXY"}) {
      unsetenv(variable);
    }
  }
};

TEST_F(ProxyTest, IsTheFirstVariableThatIsSet) {
  EXPECT_EQ(ProxyFor("gpu-7:50051"), std::nullopt);
  Set("http_proxy", "http://squid:3128");
  EXPECT_EQ(ProxyFor("gpu-7:50051"), "squid:3128");
  Set("https_proxy", "http://other:3128/");
  EXPECT_EQ(ProxyFor("gpu-7:50051"), "other:3128");
  Set("grpc_proxy", "http://user:secret@third:80");
  EXPECT_EQ(ProxyFor("gpu-7:50051"), "third:80");
  Set("grpc_proxy", "");
  EXPECT_EQ(ProxyFor("gpu-7:50051"), std::nullopt);
}

TEST_F(ProxyTest, IsOfTheKindThatGrpcKnows) {
  for (const char* value : {"https://squid:3128", "squid:3128", "socks5://squid:1080"}) {
    Set("http_proxy", value);
    EXPECT_EQ(ProxyFor("gpu-7:50051"), std::nullopt) << value;
  }
  Unset();
  Set("HTTP_PROXY", "http://squid:3128");
  EXPECT_EQ(ProxyFor("gpu-7:50051"), std::nullopt);
}

TEST_F(ProxyTest, IsNotForThisMachine) {
  Set("http_proxy", "http://squid:3128");
  for (const char* target : {"localhost:50051",
                             "LocalHost:50051",
                             "localhost",
                             "a.localhost:1",
                             "127.0.0.1:50051",
                             "127.3.2.1:1",
                             "0.0.0.0:50051",
                             "[::1]:50051",
                             "::1",
                             "[::ffff:127.0.0.1]:1",
                             "localhost.:1",
                             "[::]:1",
                             "ipv4:127.0.0.1:1",
                             "ipv4:127.0.0.1:1,127.0.0.2:1",
                             "ipv6:[::1]:1",
                             "ipv6:%5B::1%5D:1",
                             "dns:localhost:1",
                             "dns:///localhost:1",
                             "dns://8.8.8.8/localhost:1",
                             "unix:/run/lossd",
                             "unix:///run/lossd",
                             "unix:lossd",
                             "unix-abstract:lossd",
                             "vsock:1:2"}) {
    EXPECT_EQ(ProxyFor(target), std::nullopt) << target;
  }
  for (const char* target :
       {"gpu-7:50051", "gpu-7", "localhost.example:1", "notlocalhost:1", "128.0.0.1:1",
        "127.0.0.1.example:1", "[::2]:1", "dns:///gpu-7:1", "ipv4:127.0.0.1:1,10.0.0.1:1"}) {
    EXPECT_EQ(ProxyFor(target), "squid:3128") << target;
  }
}

// Where a token may go in plain text, whatever proxies there are.
TEST(ThisMachineTest, IsWhatNobodyElseCanBe) {
  for (const char* target : {"localhost:50051",
                             "localhost",
                             "127.0.0.1:50051",
                             "127.3.2.1:1",
                             "0.0.0.0:50051",
                             "[::1]:50051",
                             "::1",
                             "[::]:1",
                             "[::ffff:127.0.0.1]:1",
                             "dns:localhost:1",
                             "dns:///localhost:1",
                             "dns:///127.0.0.1:1",
                             "dns:[::1]:1",
                             "ipv4:127.0.0.1:1",
                             "ipv4:127.0.0.1:1,127.0.0.2:1",
                             "ipv4:///127.0.0.1:1",
                             "ipv6:[::1]:1",
                             "ipv6:%5B::1%5D:1",
                             "ipv6:%5b::1%5d:1,[::1]:2",
                             "unix:/run/lossd",
                             "unix:///run/lossd",
                             "unix:lossd",
                             "unix-abstract:lossd"}) {
    EXPECT_TRUE(IsThisMachine(target)) << target;
  }
}

TEST(ThisMachineTest, IsNotWhatSomebodyElseMayBe) {
  for (const char* target :
       {"", "gpu-7:50051", "10.0.0.7:1", "128.0.0.1:1", "[::2]:1", "127.0.0.1.example:1",
        // Names that a DNS server answers for.
        "a.localhost:1", "localhost.:1", "LocalHost:1", "localhost.example:1",
        "localhost,localhost:1", "dns://8.8.8.8/localhost:1", "dns:a.localhost:1",
        "gpu-7/localhost:1", "dns:///gpu-7/localhost:1", "dns:", "dns:///",
        // The machine around a virtual one.
        "vsock:2:1",
        // Schemes that others may mean something by, and hosts of such names.
        "xds:localhost:1", "xds:///localhost", "xds://localhost/127.0.0.1:1",
        "google-c2p:///localhost", "http://localhost:1", "https://127.0.0.1:1", "UNIX:50051",
        "Unix-Abstract:50051", "VSOCK:50051", "DNS:localhost:1", "ipv4:127.0.0.1:1,10.0.0.1:1",
        "ipv4:localhost:1", "ipv6:localhost:1", "ipv4://10.0.0.1/127.0.0.1:1",
        "ipv4:", "localhost:1?a=/gpu-7", "gpu-7:1#/localhost"}) {
    EXPECT_FALSE(IsThisMachine(target)) << target;
  }
}

TEST_F(ProxyTest, IsNotForHostsThatAreListed) {
  Set("http_proxy", "http://squid:3128");
  Set("NO_PROXY", "gpu-7, .Cluster,,10.0.0.7");
  for (const char* target : {"gpu-7:50051", "GPU-7:1", "a.cluster:1", "10.0.0.7:1",
                             "dns:///gpu-7:1", "ipv4:10.0.0.7:1"}) {
    EXPECT_EQ(ProxyFor(target), std::nullopt) << target;
  }
  EXPECT_EQ(ProxyFor("gpu-8:1"), "squid:3128");
  Set("no_proxy", "gpu-8");
  EXPECT_EQ(ProxyFor("gpu-8:1"), std::nullopt);
  EXPECT_EQ(ProxyFor("gpu-7:1"), "squid:3128");
  Set("no_grpc_proxy", "gpu-9");
  EXPECT_EQ(ProxyFor("gpu-9:1"), std::nullopt);
  EXPECT_EQ(ProxyFor("gpu-8:1"), "squid:3128");
}

// grpc/grpc#39516: gRPC asks the proxy for localhost, too.
TEST_F(ProxyTest, SeesNoCallToThisMachine) {
  const SilentProxy proxy;
  Set("http_proxy", absl::StrCat("http://", proxy.authority()));
  const lossd::testing::FakeServer server;
  absl::string_view port = server.address();
  ASSERT_TRUE(absl::ConsumePrefix(&port, "127.0.0.1"));
  for (const char* host : {"127.0.0.1", "localhost", "dns:///localhost"}) {
    absl::StatusOr<Client> client = Client::Create({absl::StrCat(host, port)});
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_TRUE(client->GetServerInfo().ok()) << client->GetServerInfo().status();
  }
  EXPECT_FALSE(proxy.SawAConnection());
}

TEST_F(ProxyTest, IsNamedInErrorsOfTheCallsThatWentThroughIt) {
  const SilentProxy proxy;
  Set("http_proxy", absl::StrCat("http://user:secret@", proxy.authority()));
  ClientOptions options;
  options.target = "gpu-7.example:50051";
  options.deadline = absl::Seconds(1);
  absl::StatusOr<Client> client = Client::Create(options);
  ASSERT_TRUE(client.ok()) << client.status();
  const absl::Status status = client->GetServerInfo().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(absl::StrCat("through the proxy ", proxy.authority())),
                    HasSubstr("no_proxy"), Not(HasSubstr("secret"))));
  EXPECT_TRUE(proxy.SawAConnection());
}

TEST_F(ProxyTest, IsNamedWhenItIsNotThere) {
  std::string authority;
  { authority = SilentProxy().authority(); }
  Set("http_proxy", absl::StrCat("http://", authority));
  absl::StatusOr<Client> client = Client::Create({"gpu-7.example:50051"});
  ASSERT_TRUE(client.ok()) << client.status();
  const absl::Status status = client->GetServerInfo().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("through the proxy ", authority)));
}

}  // namespace
}  // namespace lossd::client
