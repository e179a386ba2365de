#include "server/transport/connection_table.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

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
