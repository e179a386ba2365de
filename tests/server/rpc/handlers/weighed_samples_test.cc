#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/oracle/evaluate.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/weighed_case.h"
#include "tests/server/rpc/tensor/tensors.h"

// Requests drawn at random, over forms × weights × smoothing × ignored samples × kinds of labels ×
// reductions × layouts × element types. What a sample that is ignored has is replaced by garbage
// before it is sent.

namespace lossd::rpc {
namespace {

void ExpectNear(double actual, double expected, double tolerance, const char* what) {
  EXPECT_NEAR(actual, expected, tolerance * std::max(1.0, std::abs(expected))) << what;
}

void ExpectAnswers(const v1::ComputeResponse& response, const WeighedCase& drawn) {
  const oracle::Answer expected = oracle::Evaluate(drawn.problem());
  const Layout& layout = drawn.layout();
  const double tolerance = drawn.type() == v1::DATA_TYPE_FLOAT64 ? 1e-12 : 2e-5;
  EXPECT_EQ(response.valid_count(), expected.valid_count);
  EXPECT_EQ(response.non_finite_count(), 0);
  ExpectNear(response.weight_sum(), expected.weight_sum, 1e-13, "weight_sum");
  ExpectNear(response.loss_sum(), expected.loss_sum, tolerance, "loss_sum");
  ExpectNear(response.loss(), expected.loss, tolerance, "loss");
  const std::vector<double> losses = ValuesOf(response.losses());
  const std::vector<double> gradient = ValuesOf(response.gradient());
  const std::vector<double> hessian = ValuesOf(response.hessian_diagonal());
  for (size_t row = 0; row < layout.rows(); ++row) {
    for (size_t k = 0; k < layout.classes; ++k) {
      const size_t place = layout.Sent(row, k);
      const size_t sample = drawn.softmax() ? row : row * layout.classes + k;
      ExpectNear(losses[drawn.softmax() ? row : place],
                 static_cast<double>(expected.losses[sample]), tolerance, "losses");
      ExpectNear(gradient[place], expected.gradient(row, k), tolerance, "gradient");
      ExpectNear(hessian[place], expected.hessian_diagonal(row, k), tolerance, "hessian_diagonal");
    }
  }
}

TEST(WeighedSamples, AgreeWithTheOracle) {
  const CallHandlers handlers;
  int in_float64 = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    const WeighedCase drawn(seed);
    const auto response = handlers->Compute(drawn.Request(IgnoredValues::kGarbage), {});
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectAnswers(*response, drawn);
    if (HasFailure()) return;
    in_float64 += drawn.type() == v1::DATA_TYPE_FLOAT64 ? 1 : 0;
  }
  EXPECT_GE(in_float64, 500);
}

void AddMining(unsigned turn, v1::LossSpec& loss) {
  if (turn == 1) loss.mutable_mining()->mutable_hardest()->set_keep_fraction(0.5);
  if (turn == 2) loss.mutable_mining()->mutable_hardest()->set_keep_count(2);
  if (turn == 3) loss.mutable_mining()->mutable_below()->set_min_kept(2);
  if (turn == 4) loss.mutable_mining()->mutable_gradient_harmonizing()->set_bins(5);
}

// margin and seesaw take class labels alone.
void AddAdjustment(const WeighedCase& drawn, unsigned turn, v1::LossSpec& loss) {
  if (!drawn.softmax() || turn == 0 || (turn > 1 && drawn.problem().targets)) return;
  std::vector<double> counts;
  for (size_t k = 0; k < drawn.layout().classes; ++k) counts.push_back(static_cast<double>(3 + k));
  const v1::Tensor tensor = FloatValues({static_cast<int64_t>(counts.size())}, counts);
  v1::LogitAdjustment& adjustment = *loss.mutable_logit_adjustment();
  if (turn == 1) *adjustment.mutable_prior()->mutable_counts() = tensor;
  if (turn == 2) *adjustment.mutable_margin()->mutable_counts() = tensor;
  if (turn == 3) *adjustment.mutable_seesaw()->mutable_counts() = tensor;
}

// Adds what acts around the form; each option meets each other one in some case.
void AddOptions(const WeighedCase& drawn, unsigned seed, v1::LossSpec& loss) {
  if (seed % 2 == 1) loss.set_temperature(1.5);
  if (seed % 3 == 1) loss.set_softcap(4);
  if (seed % 7 == 1 && drawn.softmax()) loss.set_z_loss(0.01);
  if (seed % 11 == 1) {
    loss.mutable_class_weighting()->mutable_scheme()->set_scheme(v1::WEIGHT_SCHEME_BALANCED);
  }
  AddMining(seed % 5, loss);
  AddAdjustment(drawn, seed % 4, loss);
}

void AskForEverything(const WeighedCase& drawn, unsigned seed, v1::OutputOptions& outputs) {
  outputs.set_probabilities(true);
  outputs.set_margin(true);
  outputs.set_class_statistics(true);
  outputs.set_difficulty(true);
  outputs.set_present_classes_only(seed % 2 == 0);
  if (!drawn.softmax()) return;
  outputs.set_log_sum_exp(true);
  outputs.add_top_k(1);
  outputs.add_top_k(2);
}

TEST(WeighedSamples, GarbageInIgnoredOnesChangesNoBitOfAnAnswer) {
  const CallHandlers handlers;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    const WeighedCase drawn(seed);
    std::array<v1::ComputeResponse, 2> answers;
    for (const IgnoredValues ignored : {IgnoredValues::kOrdinary, IgnoredValues::kGarbage}) {
      v1::ComputeRequest request = drawn.Request(ignored);
      AddOptions(drawn, seed, *request.mutable_loss());
      AskForEverything(drawn, seed, *request.mutable_outputs());
      auto response = handlers->Compute(request, {});
      ASSERT_TRUE(response.ok()) << response.status() << request.ShortDebugString();
      answers[static_cast<size_t>(ignored)] = *std::move(response);
    }
    EXPECT_EQ(answers[0].non_finite_count(), 0);
    ASSERT_EQ(answers[0].SerializeAsString(), answers[1].SerializeAsString())
        << answers[0].ShortDebugString() << "\n"
        << answers[1].ShortDebugString();
  }
}

TEST(WeighedSamples, GarbageInIgnoredOnesChangesNoBitOfAComparison) {
  const CallHandlers handlers;
  for (unsigned seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    const WeighedCase drawn(seed);
    std::array<v1::CompareResponse, 2> answers;
    for (const IgnoredValues ignored : {IgnoredValues::kOrdinary, IgnoredValues::kGarbage}) {
      const v1::ComputeRequest compute = drawn.Request(ignored);
      v1::CompareRequest request;
      *request.mutable_logits() = compute.logits();
      *request.mutable_labels() = compute.labels();
      if (compute.has_sample_weights())
        *request.mutable_sample_weights() = compute.sample_weights();
      if (compute.has_class_axis()) request.set_class_axis(compute.class_axis());
      request.set_reduction(compute.reduction());
      *request.add_losses() = compute.loss();
      v1::LossSpec& other = *request.add_losses();
      other = compute.loss();
      AddOptions(drawn, seed, other);
      auto response = handlers->Compare(request, {});
      ASSERT_TRUE(response.ok()) << response.status() << request.ShortDebugString();
      answers[static_cast<size_t>(ignored)] = *std::move(response);
    }
    ASSERT_EQ(answers[0].SerializeAsString(), answers[1].SerializeAsString())
        << answers[0].ShortDebugString() << "\n"
        << answers[1].ShortDebugString();
  }
}

}  // namespace
}  // namespace lossd::rpc
