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

// Returns INVALID_ARGUMENT when the batch cannot be cut into chunks. The error names the option
// that needs the whole batch in one request, or the array that has another number of rows than the
// logits.
absl::Status CheckSplittable(const Shape& logits, const Labels& labels, const LossSpec& loss,
                             const ComputeOptions& options);

// Counts the samples of each class that are not ignored, for softmax with integer labels. Skips
// labels outside [0, class_count), which the server refuses.
std::vector<double> CountLabels(const ArrayView<int64_t>& labels,
                                const OptionalReals& sample_weights, int64_t class_count,
                                std::optional<int64_t> ignore_index);

// Returns whether a packed batch has one advantage for each sequence.
bool HasAdvantagesOfSequences(const Shape& logits, const LossSpec& loss,
                              const ComputeOptions& options);

// Returns the number of sequences that have a sample which is not ignored: kSequenceMean's divisor.
int64_t CountSequences(const Shape& logits, const Labels& labels, const LossSpec& loss,
                       const ComputeOptions& options);

// Returns the divisor of kMean or kMeanValid, added up in the order of the samples as in the
// server. Returns nullopt when it is not finite or 0; in the latter case those of the chunks are 0
// too. `class_weights` has v of each class; when it is empty they are 1.
std::optional<double> FindDivisor(const Shape& logits, const Labels& labels, const LossSpec& loss,
                                  const ComputeOptions& options,
                                  absl::Span<const double> class_weights);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_WHOLE_BATCH_H_
