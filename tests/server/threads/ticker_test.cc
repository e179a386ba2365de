#include "server/threads/ticker.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/blocking_counter.h"

namespace lossd {
namespace {

TEST(TickerTest, TicksAgainAndAgain) {
  std::atomic<int> ticks = 0;
  absl::BlockingCounter three(3);
  const Ticker ticker(std::chrono::milliseconds(1), [&] {
    if (ticks++ < 3) three.DecrementCount();
  });
  three.Wait();
}

TEST(TickerTest, EndsWithoutWaitingForTheNextTick) {
  std::atomic<int> ticks = 0;
  {
    const Ticker ticker(std::chrono::hours(1), [&] { ++ticks; });
  }
  EXPECT_EQ(ticks, 0);
}

}  // namespace
}  // namespace lossd
