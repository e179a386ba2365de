#include "server/rpc/tensor/logits_layout.h"

#include <numeric>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/errors/refusals.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

LogitsLayout LayOut(const Shape& shape, std::optional<int32_t> class_axis = std::nullopt) {
  FieldViolations violations;
  auto layout = LayOutLogits(shape, class_axis, Field(violations));
  EXPECT_TRUE(layout) << violations.ToStatus();
  return *layout;
}

TEST(LogitsLayout, PutsTheClassesLastByDefault) {
  const LogitsLayout layout = LayOut({2, 5, 3});
  EXPECT_EQ(layout.rows, 10);
  EXPECT_EQ(layout.classes, 3);
  EXPECT_EQ(layout.inner, 5);
  EXPECT_FALSE(layout.moves_classes());
  EXPECT_THAT(layout.RowShape(), ElementsAre(2, 5));
  EXPECT_THAT(layout.SampleShape(loss::Activation::kSoftmax), ElementsAre(2, 5));
  EXPECT_THAT(layout.SampleShape(loss::Activation::kSigmoid), ElementsAre(2, 5, 3));
}

TEST(LogitsLayout, TakesTheAxesThatTheApiNames) {
  for (const int32_t last : {-1, 3}) EXPECT_FALSE(LayOut({2, 3, 5, 7}, last).moves_classes());
  const LogitsLayout second = LayOut({2, 3, 5, 7}, 1);
  EXPECT_TRUE(second.moves_classes());
  EXPECT_EQ(second.classes, 3);
  EXPECT_EQ(second.rows, 70);
  EXPECT_THAT(second.RowShape(), ElementsAre(2, 5, 7));
  EXPECT_FALSE(LayOut({2, 3}, 1).moves_classes());
}

TEST(LogitsLayout, RejectsOtherAxes) {
  for (const int32_t axis : {-2, 0, 2, 4, 1000000000}) {
    FieldViolations violations;
    EXPECT_FALSE(LayOutLogits({2, 3, 5, 7}, axis, Field(violations))) << axis;
  }
  FieldViolations violations;
  EXPECT_FALSE(LayOutLogits({4}, 1, Field(violations)));
  EXPECT_THAT(
      Violations(violations.ToStatus()),
      ElementsAre("class_axis = 1 for logits of shape [4], expected -1 or 0 (the last axis)"));
}

TEST(LogitsLayout, GivesOneLogitRowsTwoClassEntries) {
  const LogitsLayout layout = LayOut({4});
  EXPECT_FALSE(layout.class_axis);
  EXPECT_EQ(layout.rows, 4);
  EXPECT_EQ(layout.classes, 1);
  EXPECT_EQ(layout.class_vector_length(), 2);
  EXPECT_THAT(layout.RowShape(), ElementsAre(4));
}

TEST(LogitsLayout, TakesNoSamplesButNotNoClasses) {
  EXPECT_EQ(LayOut({0, 3}).rows, 0);
  EXPECT_EQ(LayOut({5, 0, 3}).rows, 0);
  EXPECT_EQ(LayOut({0}).rows, 0);
  FieldViolations violations;
  EXPECT_FALSE(LayOutLogits({5, 0}, std::nullopt, Field(violations)));
  EXPECT_THAT(Violations(violations.ToStatus()),
              ElementsAre("logits.shape = [5, 0] has no classes, expected at least 1 on axis 1"));
}

// Around the tile of the transposition, and far from square.
TEST(LogitsLayout, MovesTheClassesThereAndBack) {
  for (const int64_t classes : {1, 2, 31, 32, 33, 70}) {
    for (const int64_t inner : {1, 3, 32, 65}) {
      const LogitsLayout layout = LayOut({2, classes, inner}, 1);
      std::vector<int64_t> sent(static_cast<size_t>(2 * classes * inner));
      std::iota(sent.begin(), sent.end(), 0);
      const std::vector<int64_t> moved = MoveClassesLast(layout, sent);
      for (int64_t n = 0; n < 2; ++n) {
        for (int64_t k = 0; k < classes; ++k) {
          for (int64_t i = 0; i < inner; ++i) {
            ASSERT_EQ(moved[static_cast<size_t>((n * inner + i) * classes + k)],
                      sent[static_cast<size_t>((n * classes + k) * inner + i)]);
            ASSERT_EQ(layout.CoreElement((n * classes + k) * inner + i),
                      (n * inner + i) * classes + k);
          }
        }
      }
      EXPECT_EQ(MoveClassesBack(layout, moved), sent);
    }
  }
}

}  // namespace
}  // namespace lossd::rpc
