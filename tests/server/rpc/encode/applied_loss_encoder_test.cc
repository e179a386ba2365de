#include "server/rpc/encode/applied_loss_encoder.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/loss/catalogue.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "tests/server/rpc/decode/requests.h"
#include "tests/server/rpc/from_text.h"

namespace lossd::rpc {
namespace {

// Each row of the catalogue, those that an option of another form picks too, is read again as
// itself, with its parameters.
TEST(AppliedLossEncoder, NamesEveryRowOfTheCatalogue) {
  for (const loss::FormInfo* form : loss::Catalogue()) {
    SCOPED_TRACE(form->name);
    ComputeCall call;
    const bool softmax = form->activations == loss::ActivationSet::kSoftmaxOnly;
    call.spec.activation = form->of_ratio ? loss::Activation::kLogProbability
                           : softmax      ? loss::Activation::kSoftmax
                                          : loss::Activation::kSigmoid;
    call.spec.form = form;
    for (int i = 0; i < form->parameter_count; ++i) {
      const auto index = static_cast<size_t>(i);
      // Another value than the default, and in the ranges of all.
      call.spec.parameters[index] = form->parameters[index].default_value * 0.75;
      // Another beta of this row is its variant's.
      if (form->name == std::string("jensen_shannon")) call.spec.parameters[index] = 0.5;
      if (!form->parameters[index].range.Contains(call.spec.parameters[index])) {
        call.spec.parameters[index] = form->parameters[index].default_value;
      }
    }
    auto request = FromText<v1::ComputeRequest>(
        form->of_ratio
            ? "logits { float_values: -1 } rollout { advantages { float_values: 1 } old_log_probs "
              "{ float_values: -1 } }"
            : absl::StrCat(kLogits, " labels { shape: [2, 3] float_values: [1, 0, 0, 0, 0, 1] }"));
    *request.mutable_loss() = EncodeAppliedLoss(call, {}).loss();

    const auto pool = BufferPool::Create(0);
    const auto decoded = DecodeComputeRequest(request, {}, *pool, kMaxMessageBytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->spec.form, form) << decoded->spec.form->name;
    EXPECT_EQ(decoded->spec.parameters, call.spec.parameters);
  }
}

}  // namespace
}  // namespace lossd::rpc
