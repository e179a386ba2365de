#include "server/rpc/decode/range_check.h"

#include <limits>

#include "gtest/gtest.h"

namespace lossd::rpc {
namespace {

TEST(RangeCheck, SaysWhatIsWrongWithAValue) {
  EXPECT_EQ(OutOfRangeText(1, Range::FromBelow(0, 1)), "= 1 is not in [0, 1)");
  EXPECT_EQ(OutOfRangeText(0, Range::AboveUpTo(0, 1)), "= 0 is not in (0, 1]");
  EXPECT_EQ(OutOfRangeText(-1, Range::AtLeast(0)), "= -1, expected a finite number >= 0");
  EXPECT_EQ(OutOfRangeText(0, Range::Above(0)), "= 0, expected a finite number > 0");
  EXPECT_EQ(OutOfRangeText(2, Range::Below(1)), "= 2, expected a finite number < 1");
  EXPECT_EQ(OutOfRangeText(std::numeric_limits<double>::infinity(), Range::Any()),
            "= inf, expected a finite number");
}

TEST(RangeCheck, SaysWhatIsAllowedAroundAGap) {
  EXPECT_EQ(OutOfRangeText(0.5, Range::AtLeast(0).WithGap(0, 1)),
            "= 0.5, expected 0 or at least 1");
  EXPECT_EQ(OutOfRangeText(2.5, Range::Any().WithGap(2, 3)),
            "= 2.5, expected at most 2 or at least 3");
  EXPECT_EQ(OutOfRangeText(-1, Range::AtLeast(0).WithGap(0, 1)),
            "= -1, expected a finite number >= 0");
}

TEST(RangeCheck, AddsAViolationForAValueOutsideAlone) {
  FieldViolations violations;
  CheckRange(0, Range::AtLeast(0), Field(violations)["a"]);
  EXPECT_TRUE(violations.empty());
  CheckRange(-1, Range::AtLeast(0), Field(violations)["a"]);
  EXPECT_FALSE(violations.empty());
}

}  // namespace
}  // namespace lossd::rpc
