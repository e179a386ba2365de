#ifndef LOSSD_SERVER_RPC_ENCODE_APPLIED_LOSS_ENCODER_H_
#define LOSSD_SERVER_RPC_ENCODE_APPLIED_LOSS_ENCODER_H_

#include "lossd/v1/compute.pb.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/rpc/decode/compute_request_decoder.h"

namespace lossd::rpc {

// Returns the loss and the reduction that `call` computes, with the defaults that decoding filled
// in: they are read from the call, so that they are those that were computed with. `request` is the
// loss that the call was decoded from; types and shapes of tensors come from it, the elements stay
// behind.
v1::AppliedLoss EncodeAppliedLoss(const ComputeCall& call, const v1::LossSpec& request);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ENCODE_APPLIED_LOSS_ENCODER_H_
