#include "server/threads/visible_mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lossd {
namespace {

TEST(VisibleMutexTest, LetsOneThreadInAtATime) {
  VisibleMutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        const VisibleMutexLock lock(&mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 4000);
}

// Each waits for what another changes: in a critical section, or while it waits itself.
TEST(VisibleMutexTest, WakesThoseWhoseConditionHasBecomeTrue) {
  VisibleMutex mutex;
  int step = 0;
  const auto is_one = [&] { return step == 1; };
  const auto is_two = [&] { return step == 2; };
  const auto is_three = [&] { return step == 3; };
  std::thread second([&] {
    const VisibleMutexLock lock(&mutex, absl::Condition(&is_one));
    step = 2;
    mutex.Await(absl::Condition(&is_three));
  });
  std::thread third([&] {
    const VisibleMutexLock lock(&mutex);
    mutex.Await(absl::Condition(&is_two));
    step = 3;
  });
  {
    const VisibleMutexLock lock(&mutex);
    step = 1;
  }
  second.join();
  third.join();
  EXPECT_EQ(step, 3);
}

TEST(VisibleMutexTest, WaitsUntilTheDeadlineAndNoLonger) {
  VisibleMutex mutex;
  bool done = false;
  const VisibleMutexLock lock(&mutex);
  const absl::Condition is_done(&done);
  EXPECT_FALSE(mutex.AwaitWithDeadline(is_done, absl::InfinitePast()));
  const absl::Time deadline = absl::Now() + absl::Milliseconds(20);
  EXPECT_FALSE(mutex.AwaitWithDeadline(is_done, deadline));
  EXPECT_GE(absl::Now(), deadline);
  EXPECT_FALSE(mutex.AwaitWithTimeout(is_done, absl::ZeroDuration()));
  done = true;
  EXPECT_TRUE(mutex.AwaitWithDeadline(is_done, absl::InfinitePast()));
}

}  // namespace
}  // namespace lossd
