#ifndef LOSSD_SERVER_RPC_DECODE_LABEL_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_LABEL_DECODER_H_

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/logits_layout.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {

// What loss::Labels views, in the core's order.
struct OwnedClassIds {
  std::vector<int64_t> values;
};
struct OwnedBinaryLabels {
  std::vector<int64_t> values;
};
struct OwnedTargets {
  FloatArray values;
};
using OwnedLabels = std::variant<OwnedClassIds, OwnedBinaryLabels, OwnedTargets>;

loss::Labels ViewOf(const OwnedLabels& labels);

// The labels of a batch (nullopt: not set) for one activation. Floats are checked to be finite and
// >= 0, or in [0, 1] for sigmoid; integers wait for CheckClassRange, since what is out of range
// depends on what is ignored. nullopt after adding to `violations`.
std::optional<OwnedLabels> DecodeLabels(const std::optional<TensorFields>& fields,
                                        const LogitsLayout& layout, loss::Activation activation,
                                        BufferPool& pool, FieldViolations& violations);

// Adds to `violations` the places of integer labels that no class is at and that are not ignored.
// Float labels are left as they are.
void CheckClassRange(const OwnedLabels& labels, const LogitsLayout& layout,
                     loss::Activation activation, std::optional<int64_t> ignore_index,
                     FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LABEL_DECODER_H_
