#ifndef LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_
#define LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_

#include "absl/strings/string_view.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/decode/label_decoder.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// What the loss at `spec_path` demands of the labels beyond their own rules (CheckClassRange):
//   - integer labels for ignore_index, margin and seesaw
//   - for prior, no label on a class without samples, whose logit is -inf
//   - for jensen_shannon beside softmax, targets that sum to 1
// Adds to `violations`.
void CheckLabelRules(const loss::LossSpec& spec, absl::string_view spec_path,
                     const OwnedLabels& labels, const LogitsLayout& layout,
                     FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_
