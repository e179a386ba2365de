#include "server/transport/connection_table.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "server/transport/descriptor.h"

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

}  // namespace
}  // namespace lossd::transport
