#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/handlers/compute_calls.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

// [N, C, A, B] with class_axis 1 against the same numbers written as [N, A, B, C].
class MovedAxis : public ::testing::Test {
 protected:
  static constexpr int64_t kN = 2;
  static constexpr int64_t kC = 3;
  static constexpr int64_t kA = 4;
  static constexpr int64_t kB = 5;
  static constexpr size_t kSize = kN * kC * kA * kB;

  template <typename T>
  static std::vector<T> ToClassesLast(const std::vector<T>& classes_second) {
    std::vector<T> moved(classes_second.size());
    for (int64_t n = 0; n < kN; ++n) {
      for (int64_t c = 0; c < kC; ++c) {
        for (int64_t i = 0; i < kA * kB; ++i) {
          moved[static_cast<size_t>((n * kA * kB + i) * kC + c)] =
              classes_second[static_cast<size_t>((n * kC + c) * kA * kB + i)];
        }
      }
    }
    return moved;
  }

  static std::vector<int64_t> Second() { return {kN, kC, kA, kB}; }
  static std::vector<int64_t> Last() { return {kN, kA, kB, kC}; }

  // Both answers are the same but for `losses`, whose shapes differ.
  static void ExpectSame(const v1::ComputeResponse& second, const v1::ComputeResponse& last) {
    EXPECT_EQ(second.loss(), last.loss());
    for (const auto& [moved, plain] :
         {std::pair(&second.gradient(), &last.gradient()),
          std::pair(&second.hessian_diagonal(), &last.hessian_diagonal()),
          std::pair(&second.probabilities(), &last.probabilities())}) {
      EXPECT_THAT(moved->shape(), ElementsAre(kN, kC, kA, kB));
      ASSERT_EQ(ValuesOf(*moved).size(), kSize);
      EXPECT_EQ(ToClassesLast(ValuesOf(*moved)), ValuesOf(*plain));
    }
  }
};

TEST_F(MovedAxis, IsATransposition) {
  v1::ComputeRequest second;
  *second.mutable_logits() = FloatValues(Second(), SomeLogits(kSize));
  std::vector<int64_t> labels(kN * kA * kB);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int64_t>(i * 7 % kC);
  *second.mutable_labels() = IntValues({kN, kA, kB}, labels);
  *second.mutable_sample_weights() = FloatValues({kN}, {0.5, 2});
  AskForEverything(*second.mutable_outputs());
  second.set_class_axis(1);

  v1::ComputeRequest last = second;
  last.clear_class_axis();
  *last.mutable_logits() = FloatValues(Last(), ToClassesLast(SomeLogits(kSize)));

  const v1::ComputeResponse moved = Compute(second);
  const v1::ComputeResponse plain = Compute(last);
  ExpectSame(moved, plain);
  EXPECT_THAT(moved.losses().shape(), ElementsAre(kN, kA, kB));
  EXPECT_EQ(ValuesOf(moved.losses()), ValuesOf(plain.losses()));
}

TEST_F(MovedAxis, MovesTargetsToo) {
  std::vector<double> targets(kSize);
  for (size_t i = 0; i < kSize; ++i) targets[i] = static_cast<double>(i % 5) / 4;
  v1::ComputeRequest second;
  *second.mutable_logits() = FloatValues(Second(), SomeLogits(kSize));
  *second.mutable_labels() = FloatValues(Second(), targets);
  AskForEverything(*second.mutable_outputs());
  second.set_class_axis(1);

  v1::ComputeRequest last = second;
  last.set_class_axis(3);
  *last.mutable_logits() = FloatValues(Last(), ToClassesLast(SomeLogits(kSize)));
  *last.mutable_labels() = FloatValues(Last(), ToClassesLast(targets));
  ExpectSame(Compute(second), Compute(last));
}

TEST_F(MovedAxis, MovesEverythingOfTheLogitsShapeForSigmoid) {
  std::vector<int64_t> labels(kSize);
  std::vector<double> weights(kSize);
  std::vector<double> upstream(kSize);
  for (size_t i = 0; i < kSize; ++i) {
    labels[i] = static_cast<int64_t>(i % 3 == 0);
    weights[i] = static_cast<double>(i % 7);
    upstream[i] = static_cast<double>(i % 11) - 5;
  }
  v1::ComputeRequest second;
  second.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
  *second.mutable_logits() = FloatValues(Second(), SomeLogits(kSize));
  *second.mutable_labels() = IntValues(Second(), labels);
  *second.mutable_sample_weights() = FloatValues(Second(), weights);
  *second.mutable_upstream_gradient() = FloatValues(Second(), upstream);
  AskForEverything(*second.mutable_outputs());
  second.set_class_axis(1);

  v1::ComputeRequest last = second;
  last.clear_class_axis();
  *last.mutable_logits() = FloatValues(Last(), ToClassesLast(SomeLogits(kSize)));
  *last.mutable_labels() = IntValues(Last(), ToClassesLast(labels));
  *last.mutable_sample_weights() = FloatValues(Last(), ToClassesLast(weights));
  *last.mutable_upstream_gradient() = FloatValues(Last(), ToClassesLast(upstream));

  const v1::ComputeResponse moved = Compute(second);
  const v1::ComputeResponse plain = Compute(last);
  ExpectSame(moved, plain);
  EXPECT_THAT(moved.losses().shape(), ElementsAre(kN, kC, kA, kB));
  EXPECT_EQ(ToClassesLast(ValuesOf(moved.losses())), ValuesOf(plain.losses()));
}

TEST(ComputeHandler, FlattensLeadingAxes) {
  v1::ComputeRequest deep;
  *deep.mutable_logits() = FloatValues({2, 3, 2}, SomeLogits(12));
  *deep.mutable_labels() = IntValues({2, 3}, {0, 1, 1, 0, 0, 1});
  AskForEverything(*deep.mutable_outputs());
  v1::ComputeRequest flat = deep;
  *flat.mutable_logits() = FloatValues({6, 2}, SomeLogits(12));
  *flat.mutable_labels() = IntValues({6}, {0, 1, 1, 0, 0, 1});
  // One weight for each entry of the first axis.
  *deep.mutable_sample_weights() = FloatValues({2}, {3, 0.5});
  *flat.mutable_sample_weights() = FloatValues({6}, {3, 3, 3, 0.5, 0.5, 0.5});
  const v1::ComputeResponse from_deep = Compute(deep);
  const v1::ComputeResponse from_flat = Compute(flat);
  EXPECT_EQ(ValuesOf(from_deep.gradient()), ValuesOf(from_flat.gradient()));
  EXPECT_EQ(ValuesOf(from_deep.losses()), ValuesOf(from_flat.losses()));
  EXPECT_THAT(from_deep.losses().shape(), ElementsAre(2, 3));
}

// A weight for each row of sigmoid logits is one for each of its elements.
TEST(ComputeHandler, RepeatsAWeightOfARow) {
  v1::ComputeRequest per_row;
  per_row.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
  *per_row.mutable_logits() = FloatValues({2, 3}, SomeLogits(6));
  *per_row.mutable_labels() = IntValues({2, 3}, {0, 1, 0, 1, 1, 0});
  per_row.mutable_outputs()->set_gradient(true);
  v1::ComputeRequest per_element = per_row;
  *per_row.mutable_sample_weights() = IntValues({2}, {2, 5});
  *per_row.mutable_upstream_gradient() = FloatValues({2}, {-1, 3});
  *per_element.mutable_sample_weights() = FloatValues({2, 3}, {2, 2, 2, 5, 5, 5});
  *per_element.mutable_upstream_gradient() = FloatValues({2, 3}, {-1, -1, -1, 3, 3, 3});
  EXPECT_EQ(ValuesOf(Compute(per_row).gradient()), ValuesOf(Compute(per_element).gradient()));
  EXPECT_EQ(Compute(per_row).loss(), Compute(per_element).loss());
}

TEST(ComputeHandler, ReadsClassLabelsOfSigmoidAsOneHot) {
  v1::ComputeRequest ids;
  ids.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
  *ids.mutable_logits() = FloatValues({2, 3}, SomeLogits(6));
  *ids.mutable_labels() = IntValues({2}, {1, 3});
  ids.mutable_outputs()->set_gradient(true);
  v1::ComputeRequest one_hot = ids;
  *one_hot.mutable_labels() = IntValues({2, 3}, {0, 1, 0, 0, 0, 0});
  EXPECT_EQ(ValuesOf(Compute(ids).losses()), ValuesOf(Compute(one_hot).losses()));
  EXPECT_EQ(ValuesOf(Compute(ids).gradient()), ValuesOf(Compute(one_hot).gradient()));
}

}  // namespace
}  // namespace lossd::rpc
