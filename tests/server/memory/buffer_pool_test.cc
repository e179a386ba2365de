#include "server/memory/buffer_pool.h"

#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace lossd::rpc {
namespace {

constexpr size_t kMebibyte = size_t{1} << 20;

TEST(BufferPoolTest, GivesAlignedMemoryOfTheSizeAskedFor) {
  const auto pool = BufferPool::Create(64 * kMebibyte);
  for (const size_t size : {size_t{1}, size_t{100}, kMebibyte, 5 * kMebibyte + 3}) {
    const Buffer buffer = pool->Take(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kBufferAlignment, 0U);
    std::memset(buffer.data(), 1, size);
  }
  EXPECT_EQ(pool->Take(0).data(), nullptr);
}

TEST(BufferPoolTest, GivesALargeBufferOfNearlyTheSameSizeAgain) {
  const auto pool = BufferPool::Create(64 * kMebibyte);
  const void* first = pool->Take(10 * kMebibyte).data();
  EXPECT_GE(pool->idle_bytes(), 10 * kMebibyte);
  const Buffer again = pool->Take(9 * kMebibyte);
  EXPECT_EQ(again.data(), first);
  EXPECT_EQ(again.size(), 9 * kMebibyte);
  EXPECT_EQ(pool->idle_bytes(), 0U);
}

TEST(BufferPoolTest, DoesNotSpendALargeBufferOnASmallNeed) {
  const auto pool = BufferPool::Create(64 * kMebibyte);
  pool->Take(20 * kMebibyte);
  const size_t idle = pool->idle_bytes();
  const Buffer small = pool->Take(2 * kMebibyte);
  EXPECT_EQ(pool->idle_bytes(), idle);
}

TEST(BufferPoolTest, KeepsNoMoreThanItsLimit) {
  const auto pool = BufferPool::Create(16 * kMebibyte);
  std::vector<Buffer> buffers;
  for (int i = 0; i < 5; ++i) buffers.push_back(pool->Take(6 * kMebibyte));
  const void* last = buffers.back().data();
  buffers.clear();
  EXPECT_LE(pool->idle_bytes(), 16 * kMebibyte);
  EXPECT_GE(pool->idle_bytes(), 6 * kMebibyte);
  EXPECT_EQ(pool->Take(100 * kMebibyte).size(), 100 * kMebibyte);
  EXPECT_LE(pool->idle_bytes(), 16 * kMebibyte);
  static_cast<void>(last);
}

TEST(BufferPoolTest, BuffersOutliveThePool) {
  auto pool = BufferPool::Create(64 * kMebibyte);
  Buffer buffer = pool->Take(2 * kMebibyte);
  pool.reset();
  std::memset(buffer.data(), 7, buffer.size());
  buffer = Buffer();
}

TEST(BufferPoolTest, AMovedBufferIsReturnedOnce) {
  const auto pool = BufferPool::Create(64 * kMebibyte);
  {
    Buffer first = pool->Take(2 * kMebibyte);
    Buffer second = std::move(first);
    first = pool->Take(3 * kMebibyte);
    second = std::move(first);
  }
  const size_t idle = pool->idle_bytes();
  const Buffer a = pool->Take(2 * kMebibyte);
  const Buffer b = pool->Take(3 * kMebibyte);
  EXPECT_NE(a.data(), b.data());
  EXPECT_EQ(pool->idle_bytes(), idle - 5 * kMebibyte);
}

TEST(BufferPoolTest, ThreadsNeverShareABuffer) {
  const auto pool = BufferPool::Create(64 * kMebibyte);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 200; ++i) {
        const Buffer buffer = pool->Take(kMebibyte);
        auto* const bytes = static_cast<unsigned char*>(buffer.data());
        std::memset(bytes, t, 4096);
        for (int k = 0; k < 4096; ++k) ASSERT_EQ(bytes[k], t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(BufferPoolTest, DropsWhatIsUnusedAndGoesOn) {
  const auto pool = BufferPool::Create(64 << 20);
  const Buffer used = pool->Take(1 << 20);
  { const Buffer unused = pool->Take(1 << 20); }
  EXPECT_GT(pool->idle_bytes(), 0);
  pool->DropIdle();
  EXPECT_EQ(pool->idle_bytes(), 0);
  { const Buffer unused = pool->Take(1 << 20); }
  EXPECT_GT(pool->idle_bytes(), 0);
}

}  // namespace
}  // namespace lossd::rpc
