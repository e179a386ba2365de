#include "server/threads/work_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "server/threads/executor.h"
#include "server/threads/mutex.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kLong = WorkQueue::kShortWork + 1;
constexpr int64_t kShort = WorkQueue::kShortWork;

// Says once that something has happened, in a way that ThreadSanitizer sees.
class Event {
 public:
  void Notify() {
    const MutexLock lock(&mutex_);
    happened_ = true;
  }
  void Wait() {
    const MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&happened_));
  }

 private:
  Mutex mutex_;
  bool happened_ = false;
};

// Numbers in the order in which jobs noted them.
class Notes {
 public:
  void Add(int number) {
    const MutexLock lock(&mutex_);
    numbers_.push_back(number);
  }
  std::vector<int> numbers() const {
    const MutexLock lock(&mutex_);
    return numbers_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<int> numbers_ ABSL_GUARDED_BY(mutex_);
};

// Keeps a thread of a queue busy from when it is made until Release().
class BusyThread {
 public:
  // Takes a job of this much work: a queue of one thread runs long ones on that one alone, and then
  // short ones on the other.
  BusyThread(WorkQueue& queue, int64_t work) {
    const auto begun = std::make_shared<absl::Notification>();
    queue.Schedule({{0, 0}, work, [begun, go = go_] {
                      begun->Notify();
                      go->WaitForNotification();
                    }});
    begun->WaitForNotification();
  }
  ~BusyThread() { Release(); }
  BusyThread(const BusyThread&) = delete;
  BusyThread& operator=(const BusyThread&) = delete;

  void Release() {
    if (!go_->HasBeenNotified()) go_->Notify();
  }

 private:
  const std::shared_ptr<absl::Notification> go_ = std::make_shared<absl::Notification>();
};

TEST(WorkQueueTest, OneThreadRunsTheLongJobsOfAnOwnerInOrder) {
  std::vector<int> order;
  {
    WorkQueue queue(1);
    for (int i = 0; i < 100; ++i)
      queue.Schedule({{0, 0}, kLong, [&order, i] { order.push_back(i); }});
  }
  ASSERT_EQ(order.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(WorkQueueTest, LongJobsRunSideBySideOnAsManyThreads) {
  WorkQueue queue(3);
  // The last to leave deletes it; with fewer threads than three none would leave.
  auto* barrier = new absl::Barrier(4);
  const auto meet = [barrier] {
    if (barrier->Block()) delete barrier;
  };
  for (int i = 0; i < 3; ++i) queue.Schedule({{0, 0}, kLong, meet});
  meet();
}

TEST(WorkQueueTest, EndsWithNothingLeftUndone) {
  std::atomic<int> done = 0;
  auto queue = std::make_unique<WorkQueue>(1);
  {
    const BusyThread any(*queue, kLong);
    const BusyThread short_only(*queue, kShort);
    for (int i = 0; i < 10; ++i) {
      queue->Schedule({{0, 0}, kLong, [&] { ++done; }});
      queue->Schedule({{0, 0}, kShort, [&] { ++done; }});
    }
  }
  queue.reset();
  EXPECT_EQ(done, 20);
}

TEST(WorkQueueTest, AShortJobRunsWhileEveryOtherThreadHasALongOne) {
  WorkQueue queue(2);
  absl::Notification go;
  for (int i = 0; i < 5; ++i) queue.Schedule({{0, 0}, kLong, [&] { go.WaitForNotification(); }});
  absl::Notification ran;
  queue.Schedule({{0, 0}, kShort, [&] { ran.Notify(); }});
  ran.WaitForNotification();
  go.Notify();
}

TEST(WorkQueueTest, ShortJobsPassLongOnes) {
  constexpr int kJobs = 10;
  Notes notes;
  {
    WorkQueue queue(1);
    const BusyThread any(queue, kLong);
    const BusyThread short_only(queue, kShort);
    queue.Schedule({{0, 0}, kLong, [&] { notes.Add(-1); }});
    for (int i = 0; i < kJobs; ++i) queue.Schedule({{0, 0}, kShort, [&notes, i] { notes.Add(i); }});
  }
  const std::vector<int> numbers = notes.numbers();
  ASSERT_EQ(numbers.size(), kJobs + 1);
  const auto before = std::find(numbers.begin(), numbers.end(), -1) - numbers.begin();
  EXPECT_GE(before, kJobs - 1) << "the other thread may be at the last short one";
}

TEST(WorkQueueTest, ALongJobIsPassedByANumberOfShortOnesAlone) {
  constexpr int kMany = 3 * WorkQueue::kShortInARow;
  Notes notes;
  WorkQueue queue(1);
  BusyThread any(queue, kLong);
  const BusyThread short_only(queue, kShort);
  for (int i = 0; i < kMany; ++i) queue.Schedule({{0, 0}, kShort, [&notes, i] { notes.Add(i); }});
  Event end;
  int before = 0;
  queue.Schedule({{0, 0}, kLong, [&] {
                    before = static_cast<int>(notes.numbers().size());
                    end.Notify();
                  }});
  any.Release();  // One thread runs all that waits.
  end.Wait();
  EXPECT_EQ(before, WorkQueue::kShortInARow);
}

TEST(WorkQueueTest, OwnersOfLongJobsTakeTurns) {
  Notes notes;
  {
    WorkQueue queue(1);
    const BusyThread busy(queue, kLong);
    for (const int job : {10, 11, 12})
      queue.Schedule({{0, 1}, kLong, [&notes, job] { notes.Add(job); }});
    queue.Schedule({{0, 2}, kLong, [&notes] { notes.Add(20); }});
    queue.Schedule({{0, 3}, kLong, [&notes] { notes.Add(30); }});
  }
  EXPECT_THAT(notes.numbers(), ElementsAre(10, 20, 30, 11, 12));
}

TEST(WorkQueueTest, ARemovedJobNeverRuns) {
  bool ran = false;
  const auto held = std::make_shared<int>(0);
  {
    WorkQueue queue(1);
    const BusyThread any(queue, kLong);
    const BusyThread short_only(queue, kShort);
    const uint64_t long_job = queue.Schedule({{0, 1}, kLong, [&ran, held] { ran = true; }});
    const uint64_t short_job = queue.Schedule({{0, 1}, kShort, [&ran, held] { ran = true; }});
    EXPECT_NE(long_job, short_job);
    EXPECT_TRUE(queue.Remove(long_job));
    EXPECT_TRUE(queue.Remove(short_job));
    EXPECT_EQ(held.use_count(), 1) << "what it holds is let go at once";
    EXPECT_FALSE(queue.Remove(long_job));
    EXPECT_FALSE(queue.Remove(0));
  }
  EXPECT_FALSE(ran);
}

TEST(WorkQueueTest, AJobThatHasBegunCannotBeRemoved) {
  WorkQueue queue(1);
  absl::Notification begun;
  absl::Notification go;
  const uint64_t job = queue.Schedule({{0, 1}, kLong, [&] {
                                         begun.Notify();
                                         go.WaitForNotification();
                                       }});
  begun.WaitForNotification();
  EXPECT_FALSE(queue.Remove(job));
  go.Notify();
}

// Every job runs once or was removed, whatever the threads do.
TEST(WorkQueueTest, JobsAreScheduledAndRemovedFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kJobs = 500;
  std::atomic<int> ran = 0;
  std::atomic<int> removed = 0;
  {
    WorkQueue queue(2);
    std::vector<std::thread> clients;
    for (uint64_t client = 0; client < kThreads; ++client) {
      clients.emplace_back([&, client] {
        for (int i = 0; i < kJobs; ++i) {
          const uint64_t ticket =
              queue.Schedule({{0, client}, i % 2 == 0 ? kLong : kShort, [&] { ++ran; }});
          if (i % 3 == 0 && queue.Remove(ticket)) ++removed;
        }
      });
    }
    for (std::thread& client : clients) client.join();
  }
  EXPECT_EQ(ran + removed, kThreads * kJobs);
}

// The thread for short jobs does not wait for the executor's other threads.
TEST(WorkQueueTest, WaitsForTheJobsThatRun) {
  WorkQueue queue(2);
  queue.WaitForRunning();  // There are none.
  for (const int64_t work : {kShort, kLong}) {
    Event begun;
    std::atomic<bool> is_done = false;
    queue.Schedule({{0, 1}, work, [&] {
                      begun.Notify();
                      std::this_thread::sleep_for(std::chrono::milliseconds(20));
                      is_done = true;
                    }});
    begun.Wait();
    queue.WaitForRunning();
    EXPECT_TRUE(is_done);
  }
}

TEST(WorkQueueTest, DoesNotWaitForTheJobsThatFollow) {
  std::atomic<bool> stops = false;
  std::function<void()> run;
  WorkQueue queue(1);
  run = [&] {
    if (!stops) queue.Schedule({{0, 1}, kLong, run});
  };
  queue.Schedule({{0, 1}, kLong, run});
  for (int i = 0; i < 10; ++i) queue.WaitForRunning();
  stops = true;
}

TEST(WorkQueueTest, TheThreadForShortJobsComputesAlone) {
  const Executor executor(4);
  WorkQueue queue(1);
  std::set<std::thread::id> threads;
  Event ran;
  const BusyThread busy(queue, kLong);
  queue.Schedule({{0, 0}, kShort, [&] {
                    threads.insert(std::this_thread::get_id());
                    executor.ParallelFor(30, 1, nullptr, [&](int64_t, int64_t) {
                      threads.insert(std::this_thread::get_id());
                      // Long enough for other threads to come.
                      std::this_thread::sleep_for(std::chrono::milliseconds(1));
                    });
                    ran.Notify();
                  }});
  ran.Wait();
  EXPECT_EQ(threads.size(), 1);
}

}  // namespace
}  // namespace lossd
