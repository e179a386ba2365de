#include "server/rpc/decode/loss_spec_decoder.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "server/rpc/decode/activation_decoder.h"
#include "server/rpc/decode/class_weighting_decoder.h"
#include "server/rpc/decode/form_decoder.h"
#include "server/rpc/decode/logit_adjustment_decoder.h"
#include "server/rpc/decode/mining_decoder.h"
#include "server/rpc/decode/policy/policy_options_decoder.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/decode/teacher_decoder.h"
#include "server/rpc/errors/number_text.h"

namespace lossd::rpc {
namespace {

void DecodeSmoothing(const v1::LossSpec& spec, const Field& field, loss::LossSpec& decoded) {
  decoded.label_smoothing = spec.label_smoothing();
  CheckRange(decoded.label_smoothing, Range::FromBelow(0, 1), field);
  if (decoded.label_smoothing != 0 && decoded.form->smoothing == loss::SmoothingRule::kRefused) {
    field.Refuse("= ", NumberText(decoded.label_smoothing), ", expected 0 for ", decoded.form->name,
                 ", which takes no smoothing");
  }
}

// A temperature or softcap of 0 is one that is not set.
void DecodeLogitScaling(const v1::LossSpec& spec, const Field& field, loss::LossSpec& decoded) {
  CheckRange(spec.temperature(), Range::AtLeast(0), field["temperature"]);
  CheckRange(spec.softcap(), Range::AtLeast(0), field["softcap"]);
  if (spec.temperature() != 0) decoded.temperature = spec.temperature();
  decoded.softcap = spec.softcap();
}

void DecodeZLoss(const v1::LossSpec& spec, const Field& field, loss::LossSpec& decoded) {
  decoded.z_loss = spec.z_loss();
  CheckRange(decoded.z_loss, Range::AtLeast(0), field);
  if (decoded.z_loss != 0) {
    CheckActivation(loss::Activation::kSoftmax, decoded.activation, field);
  }
}

// Smoothing gives every class a part of the target, also one whose logit `prior` makes −∞. All
// losses would be infinite.
void CheckSmoothingBesidePrior(const loss::LossSpec& spec, const Field& field) {
  const auto* prior = std::get_if<loss::PriorAdjustment>(&spec.logit_adjustment);
  if (prior == nullptr || spec.label_smoothing == 0) return;
  const auto empty = std::find(prior->counts.begin(), prior->counts.end(), 0.0);
  if (empty == prior->counts.end()) return;
  field.Refuse("= ", NumberText(spec.label_smoothing), ", expected 0 beside class ",
               empty - prior->counts.begin(),
               ", which has no samples in logit_adjustment.prior.counts");
}

// Refuses what log-probabilities leave nothing to act on.
void RefuseLogitOptions(const v1::LossSpec& spec, const Field& field) {
  const std::pair<const char*, bool> options[] = {
      {"class_weighting", spec.has_class_weighting()},
      {"label_smoothing", spec.label_smoothing() != 0},
      {"ignore_index", spec.has_ignore_index()},
      {"temperature", spec.temperature() != 0},
      {"softcap", spec.softcap() != 0},
      {"z_loss", spec.z_loss() != 0},
      {"logit_adjustment", spec.has_logit_adjustment()},
      {"teacher", spec.has_teacher()},
  };
  for (const auto& [name, is_set] : options) {
    if (is_set) field[name].Refuse(kNoLogitsText);
  }
}

// Decodes what lies around a form of logits.
void DecodeLogitOptions(const v1::LossSpec& spec, const LogitsLayout* layout, const Field& field,
                        loss::LossSpec& decoded) {
  const loss::Activation activation = decoded.activation;
  if (spec.has_class_weighting()) {
    decoded.class_weighting =
        DecodeClassWeighting(spec.class_weighting(), activation, layout, field["class_weighting"]);
  }
  DecodeSmoothing(spec, field["label_smoothing"], decoded);
  DecodeLogitScaling(spec, field, decoded);
  DecodeZLoss(spec, field["z_loss"], decoded);
  if (spec.has_teacher()) decoded.teacher = DecodeTeacherOptions(spec.teacher(), field["teacher"]);
  if (spec.has_ignore_index()) decoded.ignore_index = spec.ignore_index();
  if (!spec.has_logit_adjustment()) return;
  decoded.logit_adjustment =
      DecodeLogitAdjustment(spec.logit_adjustment(), activation, layout, field["logit_adjustment"]);
  CheckSmoothingBesidePrior(decoded, field["label_smoothing"]);
}

}  // namespace

loss::LossSpec DecodeLossSpec(const v1::LossSpec& spec, loss::Activation activation,
                              const LogitsLayout* layout, const Field& field) {
  loss::LossSpec decoded;
  decoded.activation = activation;
  DecodeForm(spec, field, decoded);
  if (activation == loss::Activation::kLogProbability) {
    RefuseLogitOptions(spec, field);
  } else {
    DecodeLogitOptions(spec, layout, field, decoded);
  }
  DecodePolicyOptions(spec, field, decoded);
  if (spec.has_mining()) decoded.mining = DecodeMining(spec.mining(), field["mining"]);
  return decoded;
}

}  // namespace lossd::rpc
