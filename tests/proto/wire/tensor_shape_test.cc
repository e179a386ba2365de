#include "proto/wire/tensor_shape.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "gtest/gtest.h"

namespace lossd::wire {
namespace {

constexpr int64_t kLarge = std::numeric_limits<int64_t>::max();

TEST(ElementCountTest, MultipliesTheExtents) {
  EXPECT_EQ(ElementCount({}), 1);
  EXPECT_EQ(ElementCount({7}), 7);
  EXPECT_EQ(ElementCount({2, 3, 4}), 24);
  EXPECT_EQ(ElementCount({kLarge, 1}), kLarge);
}

TEST(ElementCountTest, IsZeroBesideAnyOtherExtents) {
  EXPECT_EQ(ElementCount({0}), 0);
  EXPECT_EQ(ElementCount({kLarge, kLarge, 0}), 0);
}

TEST(ElementCountTest, IsNotThereWhenItDoesNotFitOrAnExtentIsNegative) {
  EXPECT_EQ(ElementCount({kLarge, 2}), std::nullopt);
  EXPECT_EQ(ElementCount({-1}), std::nullopt);
  EXPECT_EQ(ElementCount({0, -1}), std::nullopt);
  EXPECT_EQ(ElementCount({-2, -3}), std::nullopt);
}

TEST(ShapeTextTest, ListsTheExtents) {
  EXPECT_EQ(ShapeText({}), "[]");
  EXPECT_EQ(ShapeText({2, 3}), "[2, 3]");
}

}  // namespace
}  // namespace lossd::wire
