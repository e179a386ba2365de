#include "server/memory/memory_return.h"

#include <gtest/gtest.h>

namespace lossd {
namespace {

constexpr int64_t kMiB = 1 << 20;

MemoryReturn::Time At(int milliseconds) {
  return MemoryReturn::Time() + std::chrono::hours(1) + std::chrono::milliseconds(milliseconds);
}

class MemoryReturnTest : public ::testing::Test {
 protected:
  int64_t resident_ = 100 * kMiB;
  int returned_ = 0;
  MemoryReturn memory_return_{{512 * kMiB, [this] { return resident_; }, [this] { ++returned_; }}};
};

TEST_F(MemoryReturnTest, GivesBackWhatABurstTookWhenThereWasNoRequestForSomeSeconds) {
  memory_return_.Observe({1, 1}, At(0));
  resident_ = 400 * kMiB;
  memory_return_.Observe({0, 1}, At(4'900));
  EXPECT_EQ(returned_, 0);
  memory_return_.Observe({0, 1}, At(5'100));
  EXPECT_EQ(returned_, 1);
  memory_return_.Observe({0, 1}, At(20'000));
  EXPECT_EQ(returned_, 1);
}

TEST_F(MemoryReturnTest, KeepsItBetweenRequests) {
  for (int i = 0; i < 20; ++i) {
    resident_ = 400 * kMiB;
    // It came and went between two looks.
    memory_return_.Observe({0, static_cast<uint64_t>(i)}, At(i * 3'000));
  }
  EXPECT_EQ(returned_, 0);
}

TEST_F(MemoryReturnTest, KeepsALittleForEver) {
  memory_return_.Observe({1, 1}, At(0));
  resident_ = 140 * kMiB;
  memory_return_.Observe({0, 1}, At(10'000));
  EXPECT_EQ(returned_, 0);
}

TEST_F(MemoryReturnTest, GivesBackWhatIsTooMuchAtOnceAndNotAllTheTime) {
  resident_ = 700 * kMiB;
  memory_return_.Observe({1, 1}, At(0));
  EXPECT_EQ(returned_, 1);
  memory_return_.Observe({1, 2}, At(100));
  EXPECT_EQ(returned_, 1);
  memory_return_.Observe({1, 3}, At(1'100));
  EXPECT_EQ(returned_, 2);
}

TEST(ResidentBytesTest, SaysWhatTheProcessHas) {
  const auto resident = ResidentBytes();
  ASSERT_TRUE(resident);
  EXPECT_GT(*resident, kMiB);
}

}  // namespace
}  // namespace lossd
