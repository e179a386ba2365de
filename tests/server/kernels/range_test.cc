#include "server/kernels/range.h"

#include <limits>

#include "gtest/gtest.h"

namespace lossd::kernels {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(RangeTest, ContainsTheEndsThatItsMakerSays) {
  EXPECT_TRUE(Range::AtLeast(2).Contains(2));
  EXPECT_FALSE(Range::AtLeast(2).Contains(1.9));
  EXPECT_FALSE(Range::Above(2).Contains(2));
  EXPECT_TRUE(Range::Above(2).Contains(2.1));
  EXPECT_FALSE(Range::Below(0).Contains(0));
  EXPECT_TRUE(Range::Below(0).Contains(-1e300));
  EXPECT_TRUE(Range::Between(0, 1).Contains(0));
  EXPECT_TRUE(Range::Between(0, 1).Contains(1));
  EXPECT_TRUE(Range::FromBelow(0, 1).Contains(0));
  EXPECT_FALSE(Range::FromBelow(0, 1).Contains(1));
  EXPECT_FALSE(Range::AboveUpTo(0, 1).Contains(0));
  EXPECT_TRUE(Range::AboveUpTo(0, 1).Contains(1));
  EXPECT_FALSE(Range::Inside(0, 1).Contains(0));
  EXPECT_FALSE(Range::Inside(0, 1).Contains(1));
  EXPECT_TRUE(Range::Inside(0, 1).Contains(0.5));
}

TEST(RangeTest, ContainsFiniteNumbersOnly) {
  for (const Range& range : {Range::Any(), Range::AtLeast(0), Range::Below(0)}) {
    EXPECT_FALSE(range.Contains(kNan));
    EXPECT_FALSE(range.Contains(kInfinity));
    EXPECT_FALSE(range.Contains(-kInfinity));
  }
  EXPECT_TRUE(Range::Any().Contains(-std::numeric_limits<double>::max()));
}

TEST(RangeTest, AGapLeavesItsEndsIn) {
  constexpr Range kZeroOrAtLeastOne = Range::AtLeast(0).WithGap(0, 1);
  EXPECT_TRUE(kZeroOrAtLeastOne.Contains(0));
  EXPECT_FALSE(kZeroOrAtLeastOne.Contains(0.5));
  EXPECT_TRUE(kZeroOrAtLeastOne.IsInGap(0.5));
  EXPECT_TRUE(kZeroOrAtLeastOne.Contains(1));
  EXPECT_FALSE(kZeroOrAtLeastOne.Contains(-1));
  EXPECT_FALSE(kZeroOrAtLeastOne.IsInGap(-1));
}

TEST(RangeTest, HasTheEndsThatItWasGiven) {
  EXPECT_FALSE(Range::Any().HasMinimum());
  EXPECT_FALSE(Range::Any().HasMaximum());
  EXPECT_TRUE(Range::AtLeast(0).HasMinimum());
  EXPECT_FALSE(Range::AtLeast(0).HasMaximum());
  EXPECT_FALSE(Range::Below(0).HasMinimum());
  EXPECT_TRUE(Range::Below(0).HasMaximum());
}

}  // namespace
}  // namespace lossd::kernels
