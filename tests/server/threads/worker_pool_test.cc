#include "server/threads/worker_pool.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"

namespace lossd {
namespace {

TEST(WorkerPoolTest, OneThreadRunsWorkInOrder) {
  std::vector<int> order;
  {
    WorkerPool pool(1);
    for (int i = 0; i < 100; ++i) pool.Schedule([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(WorkerPoolTest, ThreadsRunSideBySide) {
  WorkerPool pool(3);
  // The last to leave deletes it; with fewer threads than three none would leave.
  auto* barrier = new absl::Barrier(4);
  const auto meet = [barrier] {
    if (barrier->Block()) delete barrier;
  };
  for (int i = 0; i < 3; ++i) pool.Schedule(meet);
  meet();
}

TEST(WorkerPoolTest, EndsWithNothingLeftUndone) {
  int done = 0;
  absl::Notification go;
  auto pool = std::make_unique<WorkerPool>(1);
  pool->Schedule([&] { go.WaitForNotification(); });
  for (int i = 0; i < 10; ++i) pool->Schedule([&] { ++done; });
  go.Notify();
  pool.reset();
  EXPECT_EQ(done, 10);
}

}  // namespace
}  // namespace lossd
