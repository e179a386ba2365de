#include "server/rpc/decode/loss_spec_decoder.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/rpc/decode/class_weighting_decoder.h"
#include "server/rpc/decode/form_decoder.h"
#include "server/rpc/decode/logit_adjustment_decoder.h"
#include "server/rpc/decode/mining_decoder.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/errors/number_text.h"

namespace lossd::rpc {
namespace {

void DecodeSmoothing(const v1::LossSpec& spec, absl::string_view path, loss::LossSpec& decoded,
                     FieldViolations& violations) {
  const std::string smoothing_path = absl::StrCat(path, ".label_smoothing");
  decoded.label_smoothing = spec.label_smoothing();
  CheckRange(decoded.label_smoothing, Range::FromBelow(0, 1), smoothing_path, violations);
  if (decoded.label_smoothing != 0 && decoded.form->smoothing == loss::SmoothingRule::kRefused) {
    violations.Add(smoothing_path, absl::StrCat("= ", NumberText(decoded.label_smoothing), " with ",
                                                decoded.form->name, ", which takes no smoothing"));
  }
}

// For both, 0 stands for the field that is not set.
void DecodeLogitScaling(const v1::LossSpec& spec, absl::string_view path, loss::LossSpec& decoded,
                        FieldViolations& violations) {
  CheckRange(spec.temperature(), Range::AtLeast(0), absl::StrCat(path, ".temperature"), violations);
  CheckRange(spec.softcap(), Range::AtLeast(0), absl::StrCat(path, ".softcap"), violations);
  if (spec.temperature() != 0) decoded.temperature = spec.temperature();
  decoded.softcap = spec.softcap();
}

void DecodeZLoss(const v1::LossSpec& spec, absl::string_view path, loss::LossSpec& decoded,
                 FieldViolations& violations) {
  const std::string z_loss_path = absl::StrCat(path, ".z_loss");
  decoded.z_loss = spec.z_loss();
  CheckRange(decoded.z_loss, Range::AtLeast(0), z_loss_path, violations);
  if (decoded.z_loss != 0 && decoded.activation != loss::Activation::kSoftmax) {
    violations.Add(z_loss_path, "acts with softmax only, but the activation is sigmoid");
  }
}

}  // namespace

std::optional<loss::Activation> DecodeActivation(const v1::LossSpec& spec, absl::string_view path,
                                                 FieldViolations& violations) {
  switch (spec.activation()) {
    case v1::ACTIVATION_UNSPECIFIED:
    case v1::ACTIVATION_SOFTMAX:
      return loss::Activation::kSoftmax;
    case v1::ACTIVATION_SIGMOID:
      return loss::Activation::kSigmoid;
    default:
      violations.Add(
          absl::StrCat(path, ".activation"),
          absl::StrCat("= ", static_cast<int>(spec.activation()), " is not an Activation"));
      return std::nullopt;
  }
}

loss::LossSpec DecodeLossSpec(const v1::LossSpec& spec, absl::string_view path,
                              loss::Activation activation, const LogitsLayout* layout,
                              FieldViolations& violations) {
  loss::LossSpec decoded;
  decoded.activation = activation;
  DecodeForm(spec, path, decoded, violations);
  if (spec.has_class_weighting()) {
    decoded.class_weighting =
        DecodeClassWeighting(spec.class_weighting(), absl::StrCat(path, ".class_weighting"),
                             activation, layout, violations);
  }
  DecodeSmoothing(spec, path, decoded, violations);
  DecodeLogitScaling(spec, path, decoded, violations);
  DecodeZLoss(spec, path, decoded, violations);
  if (spec.has_ignore_index()) decoded.ignore_index = spec.ignore_index();
  if (spec.has_logit_adjustment()) {
    decoded.logit_adjustment =
        DecodeLogitAdjustment(spec.logit_adjustment(), absl::StrCat(path, ".logit_adjustment"),
                              activation, layout, violations);
  }
  if (spec.has_mining()) {
    decoded.mining = DecodeMining(spec.mining(), absl::StrCat(path, ".mining"), violations);
  }
  return decoded;
}

}  // namespace lossd::rpc
