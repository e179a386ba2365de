#ifndef LOSSD_SERVER_RPC_DECODE_CLASS_WEIGHTING_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_CLASS_WEIGHTING_DECODER_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/class_weights.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// The tensor of weights or counts of classes that stands at `path`: finite, >= 0, of one axis and
// of `length` entries unless that is not known. nullopt after adding to `violations`.
std::optional<std::vector<double>> DecodeClassVector(const v1::Tensor& tensor,
                                                     std::optional<int64_t> length,
                                                     absl::string_view path,
                                                     FieldViolations& violations);

// Adds to `violations` when the counts that come from `path` are too large to be added up.
void CheckSum(absl::Span<const double> counts, absl::string_view path, FieldViolations& violations);

// Without its counts, which are allowed in some places only.
loss::SchemeWeights DecodeScheme(const v1::SchemeWeights& scheme, absl::string_view path,
                                 FieldViolations& violations);

// The weighting at `path` of a loss of `activation`. `layout` is null when the logits were at
// fault; shapes are then not checked against it.
loss::ClassWeighting DecodeClassWeighting(const v1::ClassWeighting& weighting,
                                          absl::string_view path, loss::Activation activation,
                                          const LogitsLayout* layout, FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_CLASS_WEIGHTING_DECODER_H_
