#include "server/threads/executor.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace lossd {
namespace {

class ExecutorTest : public ::testing::TestWithParam<int> {};

TEST_P(ExecutorTest, RangesCoverEverythingOnceInWholeBlocks) {
  const Executor executor(GetParam());
  EXPECT_EQ(executor.thread_count(), GetParam());
  for (const int64_t count : {0, 1, 7, 8, 9, 64, 1000, 1001}) {
    for (const int64_t block : {1, 7, 8, 1000, 5000}) {
      std::mutex mutex;
      std::vector<std::pair<int64_t, int64_t>> ranges;
      EXPECT_TRUE(executor.ParallelFor(count, block, nullptr, [&](int64_t begin, int64_t end) {
        const std::lock_guard<std::mutex> lock(mutex);
        ranges.emplace_back(begin, end);
      }));
      std::sort(ranges.begin(), ranges.end());
      int64_t covered = 0;
      for (const auto& [begin, end] : ranges) {
        EXPECT_EQ(begin, covered);
        EXPECT_EQ(begin % block, 0);
        EXPECT_GT(end, begin);
        EXPECT_LE(end - begin, block);
        covered = end;
      }
      EXPECT_EQ(covered, count) << "blocks of " << block;
    }
  }
}

TEST_P(ExecutorTest, NothingStartsOnceItIsCancelled) {
  const Executor executor(GetParam());
  std::atomic<int> started = 0;
  EXPECT_FALSE(executor.ParallelFor(
      1000, 1, [] { return true; }, [&](int64_t, int64_t) { ++started; }));
  EXPECT_EQ(started, 0);
}

TEST_P(ExecutorTest, ACancelledRunStopsWithinABlockOfEachThread) {
  const Executor executor(GetParam());
  std::atomic<int> started = 0;
  std::atomic<bool> stop = false;
  EXPECT_FALSE(executor.ParallelFor(
      100000, 1, [&] { return stop.load(); },
      [&](int64_t, int64_t) {
        if (++started == 10) stop = true;
      }));
  // A thread that had asked before the answer changed may still finish its block.
  EXPECT_GE(started, 10);
  EXPECT_LE(started, 10 + GetParam());
}

TEST_P(ExecutorTest, AnUncancelledRunIsAskedBeforeEveryBlock) {
  const Executor executor(GetParam());
  std::atomic<int> asked = 0;
  EXPECT_TRUE(executor.ParallelFor(
      50, 5,
      [&] {
        ++asked;
        return false;
      },
      [](int64_t, int64_t) {}));
  EXPECT_GE(asked, 10);
}

TEST_P(ExecutorTest, ManyThreadsMayCallAtOnce) {
  const Executor executor(GetParam());
  std::vector<std::thread> callers;
  std::vector<int64_t> sums(8, 0);
  for (int64_t& sum : sums) {
    callers.emplace_back([&executor, &sum] {
      for (int repeat = 0; repeat < 20; ++repeat) {
        std::atomic<int64_t> total = 0;
        executor.ParallelFor(1000, 13, nullptr, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) total += i;
        });
        sum += total;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const int64_t sum : sums) EXPECT_EQ(sum, 20 * 999 * 1000 / 2);
}

INSTANTIATE_TEST_SUITE_P(Threads, ExecutorTest, ::testing::Values(1, 2, 4));

TEST(ExecutorOfThisMachineTest, OneThreadIsTheCallers) {
  const Executor executor(1);
  std::set<std::thread::id> ids;
  executor.ParallelFor(100, 3, nullptr,
                       [&](int64_t, int64_t) { ids.insert(std::this_thread::get_id()); });
  EXPECT_EQ(ids, std::set<std::thread::id>{std::this_thread::get_id()});
}

TEST(ExecutorOfThisMachineTest, AThreadThatComputesAloneRunsTheSameBlocksItself) {
  const Executor executor(4);
  std::set<std::thread::id> ids;
  std::vector<std::pair<int64_t, int64_t>> ranges;
  const auto note = [&](int64_t begin, int64_t end) {
    ids.insert(std::this_thread::get_id());
    ranges.emplace_back(begin, end);
  };
  {
    const ComputeAlone alone;
    {
      const ComputeAlone within;
      executor.ParallelFor(7, 3, nullptr, note);
    }
    executor.ParallelFor(7, 3, nullptr, note);
  }
  EXPECT_EQ(ids, std::set<std::thread::id>{std::this_thread::get_id()});
  const std::vector<std::pair<int64_t, int64_t>> twice = {{0, 3}, {3, 6}, {6, 7},
                                                          {0, 3}, {3, 6}, {6, 7}};
  EXPECT_EQ(ranges, twice);
}

// Both blocks wait until the other has begun, which two threads can do and one cannot.
TEST(ExecutorOfThisMachineTest, SeveralThreadsWorkAtTheSameTime) {
  if (std::thread::hardware_concurrency() < 2) {
    GTEST_SKIP() << "this machine runs one thread at a time";
  }
  const Executor executor(2);
  std::atomic<int> begun = 0;
  std::atomic<bool> met = false;
  executor.ParallelFor(2, 1, nullptr, [&](int64_t, int64_t) {
    ++begun;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begun < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    if (begun == 2) met = true;
  });
  EXPECT_TRUE(met);
}

// Returns the CPUs that a thread may use; 0 is the calling thread.
cpu_set_t CpusOf(pid_t thread) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  EXPECT_EQ(sched_getaffinity(thread, sizeof(cpus), &cpus), 0);
  return cpus;
}

TEST(ExecutorOfThisMachineTest, WorkersLeaveTheCallersCpu) {
  const cpu_set_t all = CpusOf(0);
  if (CPU_COUNT(&all) < 2) GTEST_SKIP() << "this process may use one CPU only";
  if (CPU_COUNT(&all) > 8) GTEST_SKIP() << "of more than 8 CPUs, workers may use any";
  std::optional<Executor> executor(2);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> begun = 0;
  std::atomic<bool> may_share = false;
  std::atomic<pid_t> worker = 0;
  size_t cpu = 0;
  const auto run = [&] {
    begun = 0;
    executor->ParallelFor(2, 1, nullptr, [&](int64_t, int64_t) {
      ++begun;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (begun < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      if (std::this_thread::get_id() == caller) return;
      worker = gettid();
      const cpu_set_t cpus = CpusOf(0);
      may_share = CPU_ISSET(cpu, &cpus) || CPU_COUNT(&cpus) != CPU_COUNT(&all) - 1;
    });
    ASSERT_EQ(begun, 2);
  };
  run();  // The worker has been there once.
  // A call that fails is one that has ended.
  EXPECT_THROW(
      executor->ParallelFor(2, 1, nullptr, [](int64_t, int64_t) { throw std::bad_alloc(); }),
      std::bad_alloc);
  for (cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    run();  // A thread that had not been there yet may come.
    run();
    EXPECT_FALSE(may_share) << "CPU " << cpu;
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
  const Executor another(2);  // oneTBB keeps its threads.
  executor.reset();
  const cpu_set_t given_back = CpusOf(worker);
  EXPECT_TRUE(CPU_EQUAL(&given_back, &all));
}

// Pins the calling thread to one CPU of `all`, the `number`-th.
void PinTo(int number, const cpu_set_t& all) {
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all) || number-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  }
}

// Calls the executor from the CPU that the thread is pinned to, twice: a thread that had not worked
// for it may come at first. Returns a worker.
pid_t WorkerOf(const Executor& executor) {
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<pid_t> worker = 0;
  for (int i = 0; i < 2; ++i) {
    std::atomic<int> begun = 0;
    executor.ParallelFor(2, 1, nullptr, [&](int64_t, int64_t) {
      ++begun;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (begun < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      if (std::this_thread::get_id() != caller) worker = gettid();
    });
  }
  return worker;
}

TEST(ExecutorOfThisMachineTest, TwoExecutorsDoNotPlaceTheSameThread) {
  const cpu_set_t all = CpusOf(0);
  if (CPU_COUNT(&all) < 2) GTEST_SKIP() << "this process may use one CPU only";
  if (CPU_COUNT(&all) > 8) GTEST_SKIP() << "of more than 8 CPUs, workers may use any";
  std::optional<Executor> first(2);
  const Executor second(2);
  WorkerOf(*first);  // oneTBB starts as many threads as the first caller may use CPUs.
  PinTo(0, all);
  WorkerOf(*first);
  PinTo(1, all);
  const pid_t worker = WorkerOf(second);
  ASSERT_NE(worker, 0);
  const cpu_set_t placed = CpusOf(worker);
  EXPECT_EQ(CPU_COUNT(&placed), CPU_COUNT(&all) - 1);

  first.reset();  // Gives back the CPUs of its own threads.
  ASSERT_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
  const cpu_set_t after = CpusOf(worker);
  EXPECT_TRUE(CPU_EQUAL(&placed, &after));
}

}  // namespace
}  // namespace lossd
