#include "server/rpc/decode/activation_decoder.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/rpc/errors/unknown_value.h"

namespace lossd::rpc {
namespace {

absl::string_view NameOf(loss::Activation activation) {
  switch (activation) {
    case loss::Activation::kSoftmax:
      return "softmax";
    case loss::Activation::kSigmoid:
      return "sigmoid";
    case loss::Activation::kLogProbability:
      return "log_probability";
  }
  return "";
}

}  // namespace

std::optional<loss::Activation> DecodeActivation(const v1::LossSpec& spec, const Field& field) {
  switch (spec.activation()) {
    case v1::ACTIVATION_UNSPECIFIED:
    case v1::ACTIVATION_SOFTMAX:
      return loss::Activation::kSoftmax;
    case v1::ACTIVATION_SIGMOID:
      return loss::Activation::kSigmoid;
    case v1::ACTIVATION_LOG_PROBABILITY:
      return loss::Activation::kLogProbability;
    default:
      RefuseUnknownValue(spec.activation(), field["activation"]);
      return std::nullopt;
  }
}

bool TakesLogProbabilities(const v1::LossSpec& spec) {
  return spec.activation() == v1::ACTIVATION_LOG_PROBABILITY;
}

std::string OtherActivationText(loss::Activation needed, loss::Activation activation) {
  return absl::StrCat("acts with ", NameOf(needed), " only, but the activation is ",
                      NameOf(activation));
}

bool CheckActivation(loss::Activation needed, loss::Activation activation, const Field& field) {
  if (activation == needed) return true;
  field.Refuse(OtherActivationText(needed, activation));
  return false;
}

}  // namespace lossd::rpc
