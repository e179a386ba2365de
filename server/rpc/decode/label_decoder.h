#ifndef LOSSD_SERVER_RPC_DECODE_LABEL_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_LABEL_DECODER_H_

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/decode/weightless.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/logits_layout.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {

// The memory behind a loss::Labels, in the core's order.
struct OwnedClassIds {
  std::vector<int64_t> values;
};
struct OwnedBinaryLabels {
  std::vector<int64_t> values;
};
struct OwnedTargets {
  FloatArray values;
  v1::DataType type = v1::DATA_TYPE_UNSPECIFIED;  // as sent
  loss::TargetKind kind = loss::TargetKind::kGiven;
};
using OwnedLabels = std::variant<OwnedClassIds, OwnedBinaryLabels, OwnedTargets>;

loss::Labels ViewOf(const OwnedLabels& labels);

// Returns the targets if they are a teacher's, null for other labels.
const OwnedTargets* FindTeacher(const OwnedLabels& labels);

// Returns the request's field that the labels come from.
absl::string_view NameOf(const OwnedLabels& labels);

// Returns a batch's labels for one activation, none for log-probabilities, or nullopt after adding
// a violation. `fields` are those of the tensor at `field`, nullopt when it is not set. Values are
// checked by CheckLabelRange, which knows what is ignored.
std::optional<OwnedLabels> DecodeLabels(const std::optional<TensorFields>& fields,
                                        const LogitsLayout& layout, loss::Activation activation,
                                        BufferPool& pool, const Field& field);

// Adds to the violations the places of integer labels that are neither a class nor `ignore_index`,
// and of targets that are negative, not finite or, for sigmoid, above 1. Labels of samples that
// weigh 0 pass.
void CheckLabelRange(const OwnedLabels& labels, const LogitsLayout& layout,
                     loss::Activation activation, std::optional<int64_t> ignore_index,
                     const Weightless& weightless, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_LABEL_DECODER_H_
