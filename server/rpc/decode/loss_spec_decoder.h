#ifndef LOSSD_SERVER_RPC_DECODE_LOSS_SPEC_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_LOSS_SPEC_DECODER_H_

#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Returns the loss at `field`, and adds what is wrong with it to the violations. `spec` asks for
// nothing unbuilt (see UnbuiltOptions); `activation` is what DecodeActivation found. `layout` is
// null when the logits are at fault; lengths of class vectors are then not checked.
loss::LossSpec DecodeLossSpec(const v1::LossSpec& spec, loss::Activation activation,
                              const LogitsLayout* layout, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LOSS_SPEC_DECODER_H_
