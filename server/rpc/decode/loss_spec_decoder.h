#ifndef LOSSD_SERVER_RPC_DECODE_LOSS_SPEC_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_LOSS_SPEC_DECODER_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// The activation of the loss at `path`; nullopt after adding to `violations`.
std::optional<loss::Activation> DecodeActivation(const v1::LossSpec& spec, absl::string_view path,
                                                 FieldViolations& violations);

// The loss at `path`, which asks for nothing that is not built (see UnbuiltOptions), with the
// activation that DecodeActivation found. Adds to `violations`. `layout` is null when the logits
// were at fault; class vectors are then not checked against it.
loss::LossSpec DecodeLossSpec(const v1::LossSpec& spec, absl::string_view path,
                              loss::Activation activation, const LogitsLayout* layout,
                              FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LOSS_SPEC_DECODER_H_
