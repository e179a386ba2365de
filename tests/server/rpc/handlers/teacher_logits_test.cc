#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"

namespace lossd::rpc {
namespace {

constexpr char kStudent[] = "logits { shape: [2, 3] float_values: [2, 0.5, -1, 0, 1, 0.5] } ";
constexpr char kTeacher[] = "teacher_logits { shape: [2, 3] float_values: [1, 1, 0, 2, -1, 0] } ";
constexpr char kSum[] = " reduction: REDUCTION_SUM outputs { gradient: true }";

v1::ComputeResponse Taught(absl::string_view loss) {
  return Compute(absl::StrCat(kStudent, kTeacher, "loss { ", loss, " }", kSum));
}

// What trl 1.16.0's GKD gives for these logits.
TEST(TeacherLogits, GiveTheGeneralizedDivergences) {
  const struct {
    const char* loss;
    double value;
    double tolerance;
  } rows[] = {
      {"kl_divergence {}", 1.380414885058, 1e-9},
      {"jensen_shannon { beta: 0.001 }", 0.001378552002, 1e-9},
      {"jensen_shannon { beta: 0.1 }", 0.120693798095, 1e-9},
      {"jensen_shannon {}", 0.325066473735, 1e-9},
      {"jensen_shannon { beta: 0.9 }", 0.130002678577, 1e-9},
      {"jensen_shannon { beta: 0.999 }", 0.001559761, 1e-9},
      {"reverse_kl_divergence {}", 1.5630104, 1e-7},
      {"jensen_shannon {} temperature: 2", 0.103710763878, 1e-9},
  };
  for (const auto& [loss, value, tolerance] : rows) {
    EXPECT_NEAR(Taught(loss).loss(), value, tolerance) << loss;
  }
  const double gradient[] = {0.072858510479,  -0.053533651123, -0.019324859356,
                             -0.116814237676, 0.095313139127,  0.021501098548};
  const v1::ComputeResponse half = Taught("jensen_shannon {}");
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(half.gradient().float_values(i), gradient[i], 1e-9) << i;
}

// Hinton's factor: the gradient of a distillation loss is a quarter at temperature 2, or not.
TEST(TeacherLogits, AreScaledByTheSquareOfTheStudentsTemperatureWhenAsked) {
  const v1::ComputeResponse plain = Taught("kl_divergence {} temperature: 2 z_loss: 0.5");
  const v1::ComputeResponse scaled = Taught(
      "kl_divergence {} temperature: 2 z_loss: 0.5 teacher { scale_by_squared_temperature: true }");
  const v1::ComputeResponse z_loss =
      Compute(absl::StrCat(kStudent,
                           "labels { shape: [2, 3] float_values: [0, 0, 0, 0, 0, 0] } "
                           "loss { temperature: 2 z_loss: 0.5 }",
                           kSum));
  EXPECT_NEAR(scaled.loss() - z_loss.loss(), 4 * (plain.loss() - z_loss.loss()), 1e-14);
  for (int i = 0; i < 6; ++i) {
    const double of_z = z_loss.gradient().float_values(i);
    EXPECT_NEAR(scaled.gradient().float_values(i) - of_z,
                4 * (plain.gradient().float_values(i) - of_z), 1e-14);
  }
}

TEST(TeacherLogits, HaveATemperatureOfTheirOwn) {
  const auto softmax = [](std::vector<double> z) {
    double sum = 0;
    for (double& each : z) sum += each = std::exp(each / 3);
    for (double& each : z) each /= sum;
    return absl::StrJoin(z, ", ",
                         [](std::string* out, double y) { absl::StrAppend(out, absl::StrCat(y)); });
  };
  const v1::ComputeResponse given = Compute(
      absl::StrCat(kStudent, "labels { shape: [2, 3] float_values: [", softmax({1, 1, 0}), ", ",
                   softmax({2, -1, 0}), "] } loss { kl_divergence {} temperature: 2 }", kSum));
  const v1::ComputeResponse taught =
      Taught("kl_divergence {} temperature: 2 teacher { temperature: 3 }");
  // The text of the targets has six digits.
  EXPECT_NEAR(taught.loss(), given.loss(), 1e-5);
  EXPECT_NEAR(taught.gradient().float_values(3), given.gradient().float_values(3), 1e-5);
}

TEST(TeacherLogits, AreSaidToHaveBeenApplied) {
  const v1::LossSpec own = Taught(
                               "kl_divergence {} temperature: 2 teacher { temperature: 3 "
                               "scale_by_squared_temperature: true }")
                               .applied()
                               .loss();
  EXPECT_EQ(own.teacher().temperature(), 3);
  EXPECT_TRUE(own.teacher().scale_by_squared_temperature());
  EXPECT_EQ(Taught("kl_divergence {} temperature: 2").applied().loss().teacher().temperature(), 2);
  EXPECT_EQ(Taught("kl_divergence {}").applied().loss().teacher().temperature(), 1);
}

// Classes on axis 1, and every type, give the same rows.
TEST(TeacherLogits, LieWhereTheLogitsDo) {
  const auto last = Compute(absl::StrCat(
      "logits { shape: [1, 2, 3] float_values: [2, 0.5, -1, 0, 1, 0.5] } teacher_logits { shape: "
      "[1, 2, 3] float_values: [1, 1, 0, 2, -1, 0] } loss { jensen_shannon { beta: 0.25 } }",
      kSum));
  const auto second = Compute(absl::StrCat(
      "logits { shape: [1, 3, 2] float_values: [2, 0, 0.5, 1, -1, 0.5] } teacher_logits { shape: "
      "[1, 3, 2] float_values: [1, 2, 1, -1, 0, 0] data_type: DATA_TYPE_FLOAT16 } class_axis: 1 "
      "loss { jensen_shannon { beta: 0.25 } }",
      kSum));
  EXPECT_EQ(second.loss(), last.loss());
  for (int row = 0; row < 2; ++row) {
    for (int k = 0; k < 3; ++k) {
      EXPECT_EQ(second.gradient().float_values(k * 2 + row),
                last.gradient().float_values(row * 3 + k));
    }
  }
}

TEST(TeacherLogits, GiveEachComparedLossItsOwnTemperature) {
  const auto compared = CallHandlers()->Compare(
      FromText<v1::CompareRequest>(
          absl::StrCat(kStudent, kTeacher,
                       "losses { kl_divergence {} } losses { kl_divergence {} temperature: 2 } "
                       "losses { reverse_kl_divergence {} teacher { temperature: 3 } } reduction: "
                       "REDUCTION_SUM")),
      {});
  ASSERT_TRUE(compared.ok()) << compared.status();
  EXPECT_EQ(compared->comparisons(0).loss(), Taught("kl_divergence {}").loss());
  EXPECT_EQ(compared->comparisons(1).loss(), Taught("kl_divergence {} temperature: 2").loss());
  EXPECT_EQ(compared->comparisons(2).loss(),
            Taught("reverse_kl_divergence {} teacher { temperature: 3 }").loss());
}

// Micro-batches with a normalizer give the whole's gradient, bit for bit.
TEST(TeacherLogits, AddUpInParts) {
  const auto compute = [](absl::string_view logits, absl::string_view teacher, int rows) {
    return Compute(absl::StrCat("logits { shape: [", rows, ", 3] float_values: [", logits,
                                "] } teacher_logits { shape: [", rows, ", 3] float_values: [",
                                teacher,
                                "] } loss { reverse_kl_divergence {} } reduction: REDUCTION_MEAN "
                                "normalizer: 2 outputs { gradient: true }"));
  };
  const auto whole = compute("2, 0.5, -1, 0, 1, 0.5", "1, 1, 0, 2, -1, 0", 2);
  const auto first = compute("2, 0.5, -1", "1, 1, 0", 1);
  const auto second = compute("0, 1, 0.5", "2, -1, 0", 1);
  EXPECT_NEAR(first.loss() + second.loss(), whole.loss(), 1e-15);
  for (int k = 0; k < 3; ++k) {
    EXPECT_EQ(first.gradient().float_values(k), whole.gradient().float_values(k));
    EXPECT_EQ(second.gradient().float_values(k), whole.gradient().float_values(3 + k));
  }
}

}  // namespace
}  // namespace lossd::rpc
