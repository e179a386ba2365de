#ifndef LOSSD_CLIENT_SRC_CHUNKS_WHOLE_BATCH_H_
#define LOSSD_CLIENT_SRC_CHUNKS_WHOLE_BATCH_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"

namespace lossd::client {

// What the chunks of a batch have to be told of the whole, and what cannot be computed in chunks.

// INVALID_ARGUMENT, naming what needs the whole batch in one request, or the array that has not the
// logits' rows.
absl::Status CheckSplittable(const Shape& logits, const Labels& labels, const LossSpec& loss,
                             const ComputeOptions& options);

// How many valid samples each class has: softmax with integer labels. A label that is no class is
// left to the server to refuse.
std::vector<double> CountLabels(const ArrayView<int64_t>& labels, int64_t class_count,
                                std::optional<int64_t> ignore_index);

// The divisor of kMean or kMeanValid, added up in the order of the samples, as the server does.
// None when it is 0, which the chunks' own are then too, or not finite. `class_weights`: v of each
// class; empty: 1.
std::optional<double> FindDivisor(const Shape& logits, const Labels& labels, const LossSpec& loss,
                                  const ComputeOptions& options,
                                  absl::Span<const double> class_weights);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_WHOLE_BATCH_H_
