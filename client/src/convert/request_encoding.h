#ifndef LOSSD_CLIENT_SRC_CONVERT_REQUEST_ENCODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_REQUEST_ENCODING_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/src/wire/message_pieces.h"
#include "lossd/array_view.h"
#include "lossd/class_weights.h"
#include "lossd/compare.h"
#include "lossd/compute.h"
#include "lossd/information.h"
#include "lossd/loss_spec.h"

namespace lossd::client {

// Make requests of arguments. A request points to the arrays among them. Return INVALID_ARGUMENT,
// naming the field, when an array's shape does not fit its values; the server checks everything
// else. Instantiated for float and double.

template <typename T>
absl::StatusOr<MessagePieces> EncodeCompute(const ArrayView<T>& logits, const Labels& labels,
                                            const LossSpec& loss, const ComputeOptions& options);

template <typename T>
absl::StatusOr<MessagePieces> EncodeCompare(const ArrayView<T>& logits, const Labels& labels,
                                            absl::Span<const LossSpec> losses,
                                            const CompareOptions& options);

absl::StatusOr<MessagePieces> EncodeClassWeights(const Labels& labels,
                                                 const ClassWeightsOptions& options);

absl::StatusOr<MessagePieces> EncodeClassWeightsFromCounts(absl::Span<const double> counts,
                                                           const ClassWeightsOptions& options);

// `q` may be null.
absl::StatusOr<MessagePieces> EncodeInformation(const ArrayView<double>& p,
                                                const ArrayView<double>* q,
                                                const InformationOptions& options);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_REQUEST_ENCODING_H_
