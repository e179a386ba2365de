#ifndef LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_
#define LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_

#include "server/loss/loss_spec.h"
#include "server/rpc/decode/label_decoder.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Adds a violation where the labels of `request` break a rule of the loss at `loss_field`. These
// rules come on top of the labels' own (CheckLabelRange), and labels that break those pass here:
//   - ignore_index, margin and seesaw take integer labels
//   - prior takes no label on a class without samples, whose logit is −∞
//   - with softmax, a form with TargetRule::kSumToOne takes targets that sum to 1
// Labels of samples that weigh 0 break none.
void CheckLabelRules(const loss::LossSpec& spec, const OwnedLabels& labels,
                     const LogitsLayout& layout, const Weightless& weightless, const Field& request,
                     const Field& loss_field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LABEL_RULES_H_
