#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"

// A cancelled call ends at the next block of whatever loop it is in: decoding, computing, encoding.

namespace lossd::rpc {
namespace {

constexpr int64_t kRows = 1000;
constexpr int64_t kClasses = 400;
constexpr size_t kElements = size_t{kRows} * kClasses;
constexpr int kBlocks = static_cast<int>(kElements / (1 << 16));

void SetData(v1::DataType type, const std::vector<int64_t>& shape, size_t bytes, char byte,
             v1::Tensor& tensor) {
  tensor.set_data_type(type);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_data(std::string(bytes, byte));
}

// Runs a call to its end, and again cancelled from some of the times on that it asked. It must ask
// at least `least_asked` times.
void ExpectStops(int least_asked, const std::function<absl::Status(const CallContext&)>& call) {
  CallContext context;
  int asked = 0;
  context.cancelled = [&] {
    ++asked;
    return false;
  };
  const absl::Status completed = call(context);
  ASSERT_TRUE(completed.ok()) << completed;
  const int in_all = asked;
  EXPECT_GE(in_all, least_asked);
  for (int go = 0; go < in_all; go += 1 + in_all / 10) {
    asked = 0;
    context.cancelled = [&] { return asked++ >= go; };
    const absl::Status status = call(context);
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << "at " << go << " of " << in_all;
    EXPECT_LE(asked, go + 2) << "at " << go << " of " << in_all;
  }
}

class CancelledCallsTest : public ::testing::Test {
 protected:
  void ExpectComputeStops(const v1::ComputeRequest& request, int least_asked) {
    ExpectStops(least_asked, [&](const CallContext& context) {
      return handlers_->Compute(request, context).status();
    });
  }

  const CallHandlers handlers_;
};

TEST_F(CancelledCallsTest, StopInDecodingAndEncoding) {
  v1::ComputeRequest request;
  SetData(v1::DATA_TYPE_FLOAT32, {kRows, kClasses}, 4 * kElements, 0, *request.mutable_logits());
  SetData(v1::DATA_TYPE_UINT8, {kRows, kClasses}, kElements, 1, *request.mutable_labels());
  SetData(v1::DATA_TYPE_UINT8, {kRows, kClasses}, kElements, 2, *request.mutable_sample_weights());
  request.mutable_loss()->set_activation(v1::ACTIVATION_SIGMOID);
  request.mutable_outputs()->set_gradient(true);
  request.mutable_outputs()->set_gradient_data_type(v1::DATA_TYPE_FLOAT16);
  // Labels: read and checked; weights: read, checked and summed; elements; the gradient converted.
  ExpectComputeStops(request, 7 * kBlocks);
}

TEST_F(CancelledCallsTest, StopInTheRulesOfTargets) {
  v1::ComputeRequest request;
  SetData(v1::DATA_TYPE_FLOAT32, {kRows, kClasses}, 4 * kElements, 0, *request.mutable_logits());
  v1::Tensor& targets = *request.mutable_labels();
  targets.add_shape(kRows);
  targets.add_shape(kClasses);
  targets.mutable_float_values()->Resize(static_cast<int>(kElements), 1.0 / kClasses);
  request.mutable_loss()->mutable_jensen_shannon();
  v1::PriorAdjustment& prior = *request.mutable_loss()->mutable_logit_adjustment()->mutable_prior();
  prior.mutable_counts()->mutable_int_values()->Resize(kClasses, 1);
  // Targets: read, checked, looked up in the prior, summed; rows.
  ExpectComputeStops(request, 5 * kBlocks);
}

TEST_F(CancelledCallsTest, StopInComparing) {
  v1::CompareRequest request;
  SetData(v1::DATA_TYPE_FLOAT32, {kRows, kClasses}, 4 * kElements, 0, *request.mutable_logits());
  SetData(v1::DATA_TYPE_UINT8, {kRows}, kRows, 1, *request.mutable_labels());
  for (int i = 0; i < 3; ++i) request.add_losses();
  // Logits read; for each loss rows, statistics and the norm.
  ExpectStops(10 * kBlocks, [&](const CallContext& context) {
    return handlers_->Compare(request, context).status();
  });
}

TEST_F(CancelledCallsTest, StopInClassWeights) {
  v1::ComputeClassWeightsRequest request;
  SetData(v1::DATA_TYPE_UINT8, {int64_t{kElements}}, kElements, 1, *request.mutable_labels());
  SetData(v1::DATA_TYPE_FLOAT32, {int64_t{kElements}}, 4 * kElements, 0,
          *request.mutable_sample_weights());
  request.set_class_count(300000);
  // Labels: read, checked, counted; weights: read, checked; classes of six schemes.
  ExpectStops(5 * kBlocks + 12, [&](const CallContext& context) {
    return handlers_->ComputeClassWeights(request, context).status();
  });
}

TEST_F(CancelledCallsTest, StopInTargetsThatAreCounted) {
  v1::ComputeClassWeightsRequest request;
  SetData(v1::DATA_TYPE_FLOAT32, {kRows, kClasses}, 4 * kElements, 0, *request.mutable_labels());
  ExpectStops(3 * kBlocks, [&](const CallContext& context) {
    return handlers_->ComputeClassWeights(request, context).status();
  });
}

TEST_F(CancelledCallsTest, StopInInformation) {
  v1::MeasureInformationRequest request;
  SetData(v1::DATA_TYPE_FLOAT32, {kRows, kClasses}, 4 * kElements, 0x11, *request.mutable_p());
  SetData(v1::DATA_TYPE_FLOAT32, {kRows, kClasses}, 4 * kElements, 0x12, *request.mutable_q());
  ExpectStops(6 * kBlocks, [&](const CallContext& context) {
    return handlers_->MeasureInformation(request, context).status();
  });
}

}  // namespace
}  // namespace lossd::rpc
