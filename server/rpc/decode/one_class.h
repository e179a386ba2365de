#ifndef LOSSD_SERVER_RPC_DECODE_ONE_CLASS_H_
#define LOSSD_SERVER_RPC_DECODE_ONE_CLASS_H_

#include "server/loss/batch.h"
#include "server/loss/compute.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Sigmoid over [N, 1] logits has one class, and class vectors of one entry. The core does not tell
// it from [N] logits, whose class vectors are {negative, positive}; these functions do.
bool IsOneClass(const LogitsLayout& layout, loss::Activation activation);

// The weighting of one class, {v}, as the core wants it: {v, v}. A scheme is resolved with its own
// counts or, without any, with those of `batch`.
void ExpandClassWeighting(const loss::Batch& batch, loss::LossSpec& spec);

// The core's answer about {negative, positive} as one about the class: its count, predictions and
// mean probability are those of the positives, its sums those of both.
void MergeClasses(loss::Result& result);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_ONE_CLASS_H_
