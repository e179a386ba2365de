#include <cmath>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/handlers/compute_calls.h"

namespace lossd::rpc {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

TEST(ComputeHandler, SendsClassWeightsWhenAnyWereApplied) {
  constexpr char kBatch[] =
      "logits { shape: [4, 3] float_values: [1, 2, 3, 3, 2, 1, 0, 0, 0, 1, 0, 1] } labels { "
      "int_values: [0, 0, 0, 2] } ";
  const v1::ComputeResponse balanced = Compute(absl::StrCat(
      kBatch, "loss { class_weighting { scheme { scheme: WEIGHT_SCHEME_BALANCED } } }"));
  // N / (C n) over the two classes that have samples: 4 / (2 * 3) and 4 / (2 * 1).
  EXPECT_THAT(balanced.class_weights().float_values(),
              ElementsAre(DoubleNear(2.0 / 3, 1e-15), 0, 2));
  const v1::ComputeResponse omitted =
      Compute(absl::StrCat(kBatch,
                           "loss { class_weighting { scheme { scheme: WEIGHT_SCHEME_BALANCED } } } "
                           "outputs { omit_class_weights: true }"));
  EXPECT_FALSE(omitted.has_class_weights());
  EXPECT_EQ(omitted.loss(), balanced.loss());
  EXPECT_FALSE(Compute(kBatch).has_class_weights());
}

TEST(ComputeHandler, SendsSparseColumnsForPresentClasses) {
  constexpr char kBatch[] =
      "logits { shape: [2, 4] float_values: [9, 0, 0, 0, 0, 0, 0, 9] } labels { int_values: [1, 3] "
      "} ";
  const v1::ClassStatistics all =
      Compute(absl::StrCat(kBatch, "outputs { class_statistics: true }")).class_statistics();
  EXPECT_THAT(all.count(), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(all.predicted_count(), ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(all.empty_classes(), ElementsAre(0, 2));
  EXPECT_EQ(all.class_ids_size(), 0);
  const v1::ClassStatistics present =
      Compute(absl::StrCat(kBatch, "outputs { class_statistics: true present_classes_only: true }"))
          .class_statistics();
  EXPECT_THAT(present.class_ids(), ElementsAre(1, 3));
  EXPECT_THAT(present.count(), ElementsAre(1, 1));
  EXPECT_THAT(present.correct_count(), ElementsAre(0, 1));
  EXPECT_THAT(present.predicted_count(), ElementsAre(0, 1));
  EXPECT_THAT(present.loss_sum(), ElementsAre(all.loss_sum(1), all.loss_sum(3)));
  EXPECT_EQ(present.empty_classes_size(), 0);
}

// [N] logits: class vectors are {negative, positive}.
TEST(ComputeHandler, HasTwoClassesForOneLogitRows) {
  const v1::ComputeResponse response = Compute(
      "logits { float_values: [0, 0, 0] } labels { int_values: [0, 1, 1] } loss { activation: "
      "ACTIVATION_SIGMOID class_weighting { weights { float_values: [3, 5] } positive_weights { "
      "float_values: [7, 2] } } } outputs { class_statistics: true }");
  const double bce = std::log(2.0);
  EXPECT_THAT(response.losses().float_values(),
              ElementsAre(DoubleNear(3 * bce, 1e-14), DoubleNear(10 * bce, 1e-14),
                          DoubleNear(10 * bce, 1e-14)));
  EXPECT_THAT(response.class_weights().float_values(), ElementsAre(3, 5));
  EXPECT_THAT(response.class_statistics().count(), ElementsAre(1, 2));
}

// [N, 1] logits: one class, as for any other C.
TEST(ComputeHandler, HasOneClassForOneColumn) {
  constexpr char kBatch[] =
      "logits { shape: [4, 1] float_values: [1, -1, 2, -3] } labels { shape: [4, 1] int_values: "
      "[0, "
      "1, 1, 0] } outputs { class_statistics: true } ";
  const v1::ComputeResponse weighted =
      Compute(absl::StrCat(kBatch,
                           "loss { activation: ACTIVATION_SIGMOID class_weighting { weights { "
                           "float_values: 3 } } }"));
  const auto bce = [](double signed_logit) { return std::log1p(std::exp(-signed_logit)); };
  EXPECT_THAT(weighted.losses().float_values(),
              ElementsAre(DoubleNear(3 * bce(-1), 1e-14), DoubleNear(3 * bce(-1), 1e-14),
                          DoubleNear(3 * bce(2), 1e-14), DoubleNear(3 * bce(3), 1e-14)));
  EXPECT_THAT(weighted.class_weights().float_values(), ElementsAre(3));
  const v1::ClassStatistics& statistics = weighted.class_statistics();
  EXPECT_THAT(statistics.count(), ElementsAre(2));
  EXPECT_THAT(statistics.frequency(), ElementsAre(1));
  EXPECT_THAT(statistics.weight(), ElementsAre(3));
  EXPECT_THAT(statistics.loss_sum(), ElementsAre(DoubleNear(weighted.loss(), 1e-14)));
  EXPECT_THAT(statistics.loss_share(), ElementsAre(DoubleNear(1, 1e-15)));
  EXPECT_THAT(statistics.gradient_share(), ElementsAre(DoubleNear(1, 1e-15)));
  EXPECT_THAT(statistics.correct_count(), ElementsAre(2));
  EXPECT_THAT(statistics.predicted_count(), ElementsAre(2));
  const double mean_p = (1 / (1 + std::exp(1)) + 1 / (1 + std::exp(-2))) / 2;
  EXPECT_THAT(statistics.mean_true_probability(), ElementsAre(DoubleNear(mean_p, 1e-15)));
  EXPECT_EQ(statistics.empty_classes_size(), 0);

  // N = n = 2, the positives.
  const v1::ComputeResponse scheme =
      Compute(absl::StrCat(kBatch,
                           "loss { activation: ACTIVATION_SIGMOID class_weighting { scheme { "
                           "scheme: WEIGHT_SCHEME_LOG_FREQUENCY } } }"));
  EXPECT_THAT(scheme.class_weights().float_values(),
              ElementsAre(DoubleNear(1 / std::log(2.02), 1e-15)));
  const v1::ComputeResponse from_counts =
      Compute(absl::StrCat(kBatch,
                           "loss { activation: ACTIVATION_SIGMOID class_weighting { scheme { "
                           "scheme: WEIGHT_SCHEME_LOG_FREQUENCY counts { int_values: 9 } } } }"));
  EXPECT_EQ(from_counts.loss(), scheme.loss());
}

}  // namespace
}  // namespace lossd::rpc
