#ifndef LOSSD_SERVER_RPC_DECODE_LOGIT_ADJUSTMENT_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_LOGIT_ADJUSTMENT_DECODER_H_

#include "absl/strings/string_view.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/logit_adjustment.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// The adjustment at `path` of a loss of `activation`. Adds to `violations`. `layout` is null when
// the logits were at fault; counts are then not held against it.
loss::LogitAdjustment DecodeLogitAdjustment(const v1::LogitAdjustment& adjustment,
                                            absl::string_view path, loss::Activation activation,
                                            const LogitsLayout* layout,
                                            FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LOGIT_ADJUSTMENT_DECODER_H_
