#include "server/transport/connection_table.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/transport/descriptor.h"
#include "server/transport/listener.h"

namespace lossd::transport {
namespace {

Descriptor NewConnection() { return Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

TEST(ConnectionTableTest, CountsThoseThatAreOpen) {
  ConnectionTable table;
  Descriptor first = NewConnection();
  const Descriptor second = NewConnection();
  EXPECT_TRUE(table.Add(first.number(), 10));
  EXPECT_TRUE(table.Add(second.number(), 10));
  EXPECT_EQ(table.Count(), 2);
  first.Close();
  EXPECT_EQ(table.Count(), 1);
}

// The system gives the number of a connection that is over to the next file.
TEST(ConnectionTableTest, AnotherFileOfTheSameNumberIsNoConnection) {
  ConnectionTable table;
  Descriptor connection = NewConnection();
  const int number = connection.number();
  EXPECT_TRUE(table.Add(number, 10));
  connection.Close();
  const Descriptor other = NewConnection();
  ASSERT_EQ(other.number(), number);
  EXPECT_EQ(table.Count(), 0);
  EXPECT_TRUE(table.Add(number, 10));
  EXPECT_EQ(table.Count(), 1);
}

TEST(ConnectionTableTest, RefusesPastTheBoundAndTakesAgainWhenOneHasEnded) {
  ConnectionTable table;
  std::vector<Descriptor> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(NewConnection());
    EXPECT_TRUE(table.Add(open.back().number(), 3));
  }
  const Descriptor next = NewConnection();
  EXPECT_FALSE(table.Add(next.number(), 3));
  open.front().Close();
  // It does not look anew each time.
  while (!table.Add(next.number(), 3)) std::this_thread::yield();
  EXPECT_EQ(table.Count(), 3);
}

TEST(ConnectionTableTest, CountsByTheTimeOfAcceptance) {
  ConnectionTable table;
  const auto before = ConnectionTable::Clock::now();
  const Descriptor connection = NewConnection();
  EXPECT_TRUE(table.Add(connection.number(), 3));
  const auto after = ConnectionTable::Clock::now();
  EXPECT_EQ(table.CountAccepted(before, after), 1);
  EXPECT_EQ(table.CountAccepted(after + std::chrono::seconds(1), after + std::chrono::hours(1)), 0);
  EXPECT_EQ(table.CountAccepted(before - std::chrono::hours(1), before - std::chrono::seconds(1)),
            0);
}

// Listens at a free port of 127.0.0.1 and one of 127.0.0.2, and connects to both from one port.
class OnePortTest : public ::testing::Test {
 protected:
  static absl::StatusOr<Listener> ListenAt(const char* address) {
    return Listener::Listen(address, absl::Seconds(20));
  }

  // Returns both sides of a connection from `local` to the listener.
  static std::pair<Descriptor, Descriptor> Connect(sockaddr_in& local, const Listener& listener) {
    sockaddr_in address = {};
    socklen_t length = sizeof(address);
    const int listening = listener.descriptors().front();
    EXPECT_EQ(getsockname(listening, Generic(address), &length), 0);
    Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    EXPECT_EQ(setsockopt(client.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    EXPECT_EQ(bind(client.number(), Generic(local), sizeof(local)), 0);
    EXPECT_EQ(getsockname(client.number(), Generic(local), &length), 0);
    EXPECT_EQ(connect(client.number(), Generic(address), sizeof(address)), 0);
    pollfd polled = {listening, POLLIN, 0};
    EXPECT_EQ(poll(&polled, 1, -1), 1);
    return {std::move(client), Descriptor(accept(listening, nullptr, nullptr))};
  }

  static sockaddr* Generic(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);  // NOLINT: how the sockets API has it
  }
};

TEST_F(OnePortTest, ToSeveralAddressesLeavesOpenWhoseBytesTheyAre) {
  const absl::StatusOr<Listener> first_listener = ListenAt("127.0.0.1:0");
  const absl::StatusOr<Listener> second_listener = ListenAt("127.0.0.2:0");
  ASSERT_TRUE(first_listener.ok() && second_listener.ok());
  sockaddr_in local = {};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto [first_client, first] = Connect(local, *first_listener);
  auto [second_client, second] = Connect(local, *second_listener);
  const std::string address = RemoteAddress(first.number());
  ASSERT_EQ(RemoteAddress(second.number()), address);
  ConnectionTable table;
  EXPECT_TRUE(table.Add(first.number(), 10));
  EXPECT_EQ(table.ReceivedFrom(address), 0);
  EXPECT_TRUE(table.Add(second.number(), 10));
  EXPECT_EQ(table.ReceivedFrom(address), std::nullopt);
  EXPECT_EQ(table.Count(), 2);
  first.Close();
  EXPECT_EQ(table.Count(), 1);
  EXPECT_EQ(table.ReceivedFrom(address), std::nullopt);
  const int number = second.number();
  const Descriptor kept(dup(number));
  second.Close();
  EXPECT_EQ(table.Count(), 0);
  EXPECT_TRUE(table.Add(kept.number(), 10));
  EXPECT_EQ(table.ReceivedFrom(address), 0);
}

TEST_F(OnePortTest, AfterAConnectionThatIsOverNamesTheNext) {
  const absl::StatusOr<Listener> first_listener = ListenAt("127.0.0.1:0");
  const absl::StatusOr<Listener> second_listener = ListenAt("127.0.0.2:0");
  ASSERT_TRUE(first_listener.ok() && second_listener.ok());
  sockaddr_in local = {};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto [first_client, first] = Connect(local, *first_listener);
  auto [second_client, second] = Connect(local, *second_listener);
  ConnectionTable table;
  EXPECT_TRUE(table.Add(first.number(), 10));
  first.Close();
  EXPECT_TRUE(table.Add(second.number(), 10));
  EXPECT_EQ(table.ReceivedFrom(RemoteAddress(second.number())), 0);
  EXPECT_EQ(table.Count(), 1);
}

class ReceivedTest : public ::testing::TestWithParam<const char*> {
 protected:
  ReceivedTest() {
    auto listener = Listener::Listen(GetParam(), absl::Seconds(20));
    if (!listener.ok()) return;
    sockaddr_storage address = {};
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT: how the sockets API has it
    const int listening = listener->descriptors().front();
    EXPECT_EQ(getsockname(listening, generic, &length), 0);
    client_ = Descriptor(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(client_.number(), generic, length), 0);
    pollfd polled = {listening, POLLIN, 0};
    EXPECT_EQ(poll(&polled, 1, -1), 1);
    server_ = Descriptor(accept(listening, nullptr, nullptr));
  }

  // Sends, and waits until the server's side has all of it.
  void Send(const std::string& bytes) {
    EXPECT_EQ(send(client_.number(), bytes.data(), bytes.size(), 0), bytes.size());
    std::string received(bytes.size(), '\0');
    EXPECT_EQ(recv(server_.number(), received.data(), received.size(), MSG_WAITALL), bytes.size());
  }

  ConnectionTable table_;
  Descriptor client_;
  Descriptor server_;
};

TEST_P(ReceivedTest, IsCountedByTheRemoteAddress) {
  if (!server_) GTEST_SKIP() << "no such addresses here";
  const std::string address = RemoteAddress(server_.number());
  EXPECT_EQ(table_.ReceivedFrom(address), std::nullopt);
  EXPECT_TRUE(table_.Add(server_.number(), 10));
  EXPECT_EQ(table_.ReceivedFrom(address), 0);
  Send(std::string(1000, 'x'));
  Send("y");
  EXPECT_EQ(table_.ReceivedFrom(address), 1001);
}

TEST_P(ReceivedTest, IsUnknownOfAConnectionThatIsOver) {
  if (!server_) GTEST_SKIP() << "no such addresses here";
  const std::string address = RemoteAddress(server_.number());
  EXPECT_TRUE(table_.Add(server_.number(), 10));
  const int number = server_.number();
  server_.Close();
  EXPECT_EQ(table_.ReceivedFrom(address), std::nullopt);
  const Descriptor other(dup2(NewConnection().number(), number));
  EXPECT_EQ(table_.ReceivedFrom(address), std::nullopt);
  EXPECT_TRUE(table_.Add(number, 10));
  EXPECT_EQ(table_.ReceivedFrom(address), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Tcp, ReceivedTest, ::testing::Values("127.0.0.1:0", "[::1]:0"));

TEST(RemoteAddressTest, SaysWhereTheOtherSideIs) {
  EXPECT_EQ(RemoteAddress(NewConnection().number()), "");
  EXPECT_EQ(RemoteAddress(-1), "");
}

}  // namespace
}  // namespace lossd::transport
