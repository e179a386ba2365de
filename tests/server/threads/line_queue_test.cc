#include "server/threads/line_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/threads/mutex.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr int kThreads = 8;

// What jobs have noted, in that order, and what they wait for. Must outlive their queue.
class Notes {
 public:
  void Add(int number) {
    const MutexLock lock(&mutex_);
    numbers_.push_back(number);
  }
  // Adds a number, and returns when Open() was called.
  void AddAndWait(int number) {
    const MutexLock lock(&mutex_);
    numbers_.push_back(number);
    mutex_.Await(absl::Condition(&open_));
  }
  void Open() {
    const MutexLock lock(&mutex_);
    open_ = true;
  }
  // Returns the numbers when there are so many, or after ten seconds.
  std::vector<int> WaitFor(size_t count) {
    const MutexLock lock(&mutex_);
    const auto are_there = [&] { return numbers_.size() >= count; };
    mutex_.AwaitWithTimeout(absl::Condition(&are_there), absl::Seconds(10));
    return numbers_;
  }

 private:
  Mutex mutex_;
  std::vector<int> numbers_ ABSL_GUARDED_BY(mutex_);
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(LineQueueTest, TheJobsOfALineRunOneAtATimeInTheirOrder) {
  constexpr int kLines = 5;
  constexpr int kJobs = 200;
  std::vector<std::vector<int>> ran(kLines);
  std::vector<std::atomic<int>> at_once(kLines);
  std::atomic<bool> overlapped = false;
  {
    LineQueue queue(kThreads);
    for (int i = 0; i < kJobs; ++i) {
      for (size_t line = 0; line < kLines; ++line) {
        // From connections of their own.
        queue.Schedule({{0, static_cast<uint64_t>(i)}, absl::StrCat("line ", line), [&, line, i] {
                          if (++at_once[line] > 1) overlapped = true;
                          ran[line].push_back(i);
                          --at_once[line];
                        }});
      }
    }
  }
  EXPECT_FALSE(overlapped);
  for (const std::vector<int>& numbers : ran) {
    ASSERT_THAT(numbers, SizeIs(kJobs));
    for (int i = 0; i < kJobs; ++i) EXPECT_EQ(numbers[static_cast<size_t>(i)], i);
  }
}

TEST(LineQueueTest, JobsThatHangHoldUpNoOtherLineAndNoOtherOwner) {
  Notes notes;  // outlives the jobs
  LineQueue queue(kThreads);
  // More of one owner's than there are threads, in lines of their own, in one line, and in none.
  for (int i = 0; i < 3 * kThreads; ++i) {
    const std::vector<std::string> lines = {absl::StrCat(i), "one", ""};
    for (const std::string& line : lines) {
      queue.Schedule({{7, static_cast<uint64_t>(i)}, line, [&] { notes.AddAndWait(0); }});
    }
  }
  EXPECT_THAT(notes.WaitFor(kThreads / 2), SizeIs(kThreads / 2));
  queue.Schedule({{8, 1}, "another", [&] { notes.Add(1); }});
  queue.Schedule({{0, 7}, "", [&] { notes.Add(2); }});
  const std::vector<int> seen = notes.WaitFor(kThreads / 2 + 2);
  EXPECT_THAT(seen, SizeIs(kThreads / 2 + 2));
  EXPECT_THAT(seen, testing::IsSupersetOf({1, 2}));
  notes.Open();
}

// Without tokens all clients are one group, and their connections are told apart.
TEST(LineQueueTest, AConnectionsJobsThatHangHoldUpNoOtherConnection) {
  Notes notes;  // outlives the jobs
  LineQueue queue(kThreads);
  for (int i = 0; i < 3 * kThreads; ++i) {
    queue.Schedule({{0, 1}, "", [&] { notes.AddAndWait(0); }});
  }
  EXPECT_THAT(notes.WaitFor(kThreads / 2), SizeIs(kThreads / 2));
  queue.Schedule({{0, 2}, "", [&] { notes.Add(1); }});
  EXPECT_THAT(notes.WaitFor(kThreads / 2 + 1), testing::Contains(1));
  notes.Open();
}

TEST(LineQueueTest, WhatWaitedForItsOwnersOthersRunsAfterThem) {
  Notes notes;
  LineQueue queue(kThreads);
  constexpr int kLines = 3 * kThreads;
  for (int i = 0; i < kLines; ++i) {
    queue.Schedule({{7, 0}, absl::StrCat(i), [&] { notes.AddAndWait(0); }});
  }
  EXPECT_THAT(notes.WaitFor(kThreads / 2), SizeIs(kThreads / 2));
  notes.Open();
  EXPECT_THAT(notes.WaitFor(kLines), SizeIs(kLines));
}

TEST(LineQueueTest, LinesTakeTurns) {
  Notes hangs;
  Notes notes;
  LineQueue queue(2);
  // One thread is left, and it is busy while the others come.
  queue.Schedule({{1, 0}, "hangs", [&] { hangs.AddAndWait(0); }});
  queue.Schedule({{2, 0}, "first", [&] { notes.AddAndWait(0); }});
  ASSERT_THAT(notes.WaitFor(1), ElementsAre(0));
  for (int i = 1; i <= 3; ++i) {
    queue.Schedule({{2, 0}, "a", [&, i] { notes.Add(i); }});
  }
  queue.Schedule({{3, 0}, "b", [&] { notes.Add(10); }});
  notes.Open();
  EXPECT_THAT(notes.WaitFor(5), ElementsAre(0, 1, 10, 2, 3));
  hangs.Open();
}

TEST(LineQueueTest, WhoWaitsForRunningJobsDoesNotWaitForThoseThatFollow) {
  Notes notes;  // outlives the jobs
  LineQueue queue(kThreads);
  queue.Schedule({{1, 0}, "line", [&] { notes.Add(0); }});
  ASSERT_THAT(notes.WaitFor(1), ElementsAre(0));
  queue.WaitForRunning();
  queue.Schedule({{1, 0}, "line", [&] { notes.AddAndWait(1); }});
  ASSERT_THAT(notes.WaitFor(2), ElementsAre(0, 1));
  queue.Schedule({{1, 0}, "line", [&] { notes.Add(2); }});
  notes.Open();
  queue.WaitForRunning();
  EXPECT_THAT(notes.WaitFor(3), ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace lossd
