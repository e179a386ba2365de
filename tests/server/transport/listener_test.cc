#include "server/transport/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lossd::transport {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

absl::StatusOr<Listener> Listen(const std::string& address) {
  return Listener::Listen(address, absl::Seconds(20));
}

// A path for a socket: short, as sockets need it, and this process's own.
std::string SocketPath(const char* name) {
  return absl::StrCat("/tmp/lossd-", getpid(), "-", name, ".sock");
}

bool Exists(const std::string& path) {
  struct stat status = {};
  return lstat(path.c_str(), &status) == 0;
}

std::string ReasonOf(const absl::StatusOr<Listener>& listener) {
  return std::string(listener.status().message());
}

TEST(ListenerTest, ListensAtAFreePortOfEachFamily) {
  for (const char* address : {"127.0.0.1:0", "0.0.0.0:0", "localhost:0"}) {
    const auto listener = Listen(address);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_THAT(listener->address(), MatchesRegex("(127.0.0.1|0.0.0.0|localhost):[1-9][0-9]*"));
    EXPECT_FALSE(listener->descriptors().empty());
  }
}

TEST(ListenerTest, KnowsWhetherOtherMachinesMayReachIt) {
  const std::string file = absl::StrCat("unix:", ::testing::TempDir(), "/network_", getpid());
  const std::pair<std::string, bool> cases[] = {{"0.0.0.0:0", true},
                                                {"127.0.0.1:0", false},
                                                {"127.1.2.3:0", false},
                                                {"localhost:0", false},
                                                {file, false}};
  for (const auto& [address, is_on_network] : cases) {
    const auto listener = Listen(address);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(listener->IsOnNetwork(), is_on_network) << address;
  }
  // Where the machine has IPv6.
  for (const char* address : {"[::1]:0", "[::ffff:127.0.0.1]:0"}) {
    const auto listener = Listen(address);
    EXPECT_FALSE(listener.ok() && listener->IsOnNetwork()) << address;
  }
}

TEST(ListenerTest, TwoCannotShareAPort) {
  const auto first = Listen("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string port = first->address().substr(first->address().rfind(':'));
  for (const std::string& address : {"127.0.0.1" + port, "0.0.0.0" + port, "localhost" + port}) {
    const auto second = Listen(address);
    ASSERT_FALSE(second.ok()) << address;
    EXPECT_THAT(ReasonOf(second), HasSubstr("cannot listen at " + address));
    EXPECT_THAT(ReasonOf(second), HasSubstr("Address already in use"));
  }
}

TEST(ListenerTest, APortIsFreeAgainWhenItsListenerIsGone) {
  auto first = Listen("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = first->address();
  first = absl::UnavailableError("gone");
  EXPECT_TRUE(Listen(address).ok());
}

// Without the first a client waits 40 ms for an answer.
TEST(ListenerTest, ConnectionsSendAtOnceAndEndWhenNobodyAcknowledges) {
  const auto listener = Listen("127.0.0.1:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int socket = listener->descriptors().front();
  int value = 0;
  socklen_t length = sizeof(value);
  ASSERT_EQ(getsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
  EXPECT_EQ(value, 1);
  ASSERT_EQ(getsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &length), 0);
  EXPECT_EQ(value, 20000);
}

TEST(ListenerTest, AddressesThatCannotBeAreNamed) {
  for (const char* address : {"192.0.2.1:0", "no-such-host.invalid:0"}) {
    const auto listener = Listen(address);
    ASSERT_FALSE(listener.ok()) << address;
    EXPECT_THAT(ReasonOf(listener), HasSubstr(absl::StrCat("cannot listen at ", address, ": ")));
  }
}

TEST(ListenerTest, ASocketFileAndItsLockGoWithTheListener) {
  const std::string path = SocketPath("goes");
  {
    const auto listener = Listen("unix:" + path);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_TRUE(Exists(path));
    EXPECT_TRUE(Exists(path + ".lock"));
  }
  EXPECT_FALSE(Exists(path));
  EXPECT_FALSE(Exists(path + ".lock"));
}

TEST(ListenerTest, ALockThatNobodyHoldsKeepsNobodyOut) {
  const std::string path = SocketPath("stale");
  const Descriptor lock(creat((path + ".lock").c_str(), 0600));
  EXPECT_TRUE(Listen("unix:" + path).ok());
}

// One look whether somebody listens and then the taking of the path are two steps, which another
// server's may come between.
TEST(ListenerTest, OfSeveralThatStartAtOnceOneHasThePath) {
  const std::string path = SocketPath("race");
  constexpr int kServers = 8;
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> ready = 0;
    std::vector<absl::StatusOr<Listener>> listeners;
    for (int i = 0; i < kServers; ++i) listeners.emplace_back(absl::UnknownError("not tried"));
    std::vector<std::thread> servers;
    servers.reserve(kServers);
    for (auto& listener : listeners) {
      servers.emplace_back([&] {
        ++ready;
        while (ready < kServers) std::this_thread::yield();
        listener = Listen("unix:" + path);
      });
    }
    for (std::thread& server : servers) server.join();
    int listening = 0;
    for (const auto& listener : listeners) {
      if (listener.ok()) {
        ++listening;
      } else {
        EXPECT_THAT(ReasonOf(listener), HasSubstr("Address already in use"));
      }
    }
    EXPECT_EQ(listening, 1);
  }
}

}  // namespace
}  // namespace lossd::transport
