#ifndef LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_
#define LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_

#include "absl/strings/string_view.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/decode/label_decoder.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Adds to `violations` where the labels break a rule of the loss, the field `spec_path`, beyond
// their own rules (CheckClassRange):
//   - ignore_index, margin and seesaw take integer labels
//   - prior takes no label on a class without samples, whose logit is −∞
//   - beside softmax, a form with TargetRule::kSumToOne takes targets that sum to 1
void CheckLabelRules(const loss::LossSpec& spec, absl::string_view spec_path,
                     const OwnedLabels& labels, const LogitsLayout& layout,
                     FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_
