#include "server/rpc/tensor/matrix_buffers.h"

#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"

namespace lossd::rpc {
namespace {

TEST(MatrixBuffersTest, AreInTheOrderOfTheirRows) {
  MatrixBuffers buffers(3, v1::DATA_TYPE_FLOAT32);
  for (const int64_t begin : {4, 0, 6}) {
    const int64_t end = begin == 0 ? 4 : begin + 2;
    const auto part = std::get<absl::Span<float>>(buffers.Make(begin, end));
    ASSERT_EQ(static_cast<int64_t>(part.size()), 3 * (end - begin));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(part.data()) % kBufferAlignment, 0U);
    for (float& value : part) value = static_cast<float>(begin);
  }
  const std::vector<Buffer> taken = std::move(buffers).Take();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken[0].size(), 48U);
  EXPECT_EQ(taken[1].size(), 24U);
  EXPECT_EQ(static_cast<const float*>(taken[0].data())[11], 0.0F);
  EXPECT_EQ(static_cast<const float*>(taken[1].data())[0], 4.0F);
  EXPECT_EQ(static_cast<const float*>(taken[2].data())[5], 6.0F);
}

TEST(MatrixBuffersTest, ThreadsMayMakePartsSideBySide) {
  constexpr int64_t kThreads = 4;
  constexpr int64_t kPartsEach = 50;
  MatrixBuffers buffers(1, v1::DATA_TYPE_FLOAT32);
  std::vector<std::thread> threads;
  for (int64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&buffers, thread] {
      for (int64_t i = 0; i < kPartsEach; ++i) {
        const int64_t row = i * kThreads + thread;
        std::get<absl::Span<float>>(buffers.Make(row, row + 1))[0] = static_cast<float>(row);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<Buffer> taken = std::move(buffers).Take();
  ASSERT_EQ(taken.size(), static_cast<size_t>(kThreads * kPartsEach));
  for (size_t row = 0; row < taken.size(); ++row) {
    EXPECT_EQ(static_cast<const float*>(taken[row].data())[0], static_cast<float>(row));
  }
}

TEST(MatrixBuffersTest, HoldDoubles) {
  MatrixBuffers buffers(5, v1::DATA_TYPE_FLOAT64);
  EXPECT_EQ(std::get<absl::Span<double>>(buffers.Make(0, 2)).size(), 10U);
  EXPECT_EQ(std::move(buffers).Take().front().size(), 80U);
}

}  // namespace
}  // namespace lossd::rpc
