#ifndef LOSSD_SERVER_RPC_DECODE_POLICY_POLICY_OPTIONS_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_POLICY_POLICY_OPTIONS_DECODER_H_

#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// Writes what lies around the forms of policies to `decoded`, whose form is decoded. Adds what is
// out of range or cannot act to the violations.
void DecodePolicyOptions(const v1::LossSpec& spec, const Field& field, loss::LossSpec& decoded);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_POLICY_POLICY_OPTIONS_DECODER_H_
