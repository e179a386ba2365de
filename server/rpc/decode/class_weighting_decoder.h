#ifndef LOSSD_SERVER_RPC_DECODE_CLASS_WEIGHTING_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_CLASS_WEIGHTING_DECODER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/class_weights.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Returns the entries that a class vector must have, nullopt when that is not known: `layout` is
// null when the logits are at fault.
std::optional<int64_t> ClassVectorLength(const LogitsLayout* layout);

// Returns the weights or counts of classes at `field`: finite, ≥ 0, of one axis, and `length` of
// them if that is known. Returns nullopt after adding a violation.
std::optional<std::vector<double>> DecodeClassVector(const v1::Tensor& tensor,
                                                     std::optional<int64_t> length,
                                                     const Field& field);

// Adds a violation when the counts at `field` are too large to be added up.
void CheckSum(absl::Span<const double> counts, const Field& field);

// Returns the scheme at `field` without its counts, which not every caller allows. Adds what is
// wrong with it to the violations.
loss::SchemeWeights DecodeScheme(const v1::SchemeWeights& scheme, const Field& field);

// Returns the weighting at `field` of a loss of `activation`, and adds what is wrong with it to the
// violations. `layout` is null when the logits are at fault; lengths are then not checked.
loss::ClassWeighting DecodeClassWeighting(const v1::ClassWeighting& weighting,
                                          loss::Activation activation, const LogitsLayout* layout,
                                          const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_CLASS_WEIGHTING_DECODER_H_
