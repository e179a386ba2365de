#ifndef LOSSD_SERVER_RPC_DECODE_LOGIT_ADJUSTMENT_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_LOGIT_ADJUSTMENT_DECODER_H_

#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/logit_adjustment.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Returns the adjustment at `field` of a loss of `activation`, and adds what is wrong with it to
// the violations. `layout` is null when the logits are at fault; the length of counts is then not
// checked.
loss::LogitAdjustment DecodeLogitAdjustment(const v1::LogitAdjustment& adjustment,
                                            loss::Activation activation, const LogitsLayout* layout,
                                            const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LOGIT_ADJUSTMENT_DECODER_H_
