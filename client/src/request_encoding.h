#ifndef LOSSD_CLIENT_SRC_REQUEST_ENCODING_H_
#define LOSSD_CLIENT_SRC_REQUEST_ENCODING_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lossd/array_view.h"
#include "lossd/class_weights.h"
#include "lossd/compare.h"
#include "lossd/compute.h"
#include "lossd/information.h"
#include "lossd/loss_spec.h"
#include "lossd/v1/class_weights.pb.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/information.pb.h"

namespace lossd::client {

// Arguments to requests. INVALID_ARGUMENT, naming the field, where an array's shape does not fit
// its values; everything else is the server's to judge. Instantiated for float and double.

template <typename T>
absl::StatusOr<v1::ComputeRequest> EncodeCompute(const ArrayView<T>& logits, const Labels& labels,
                                                 const LossSpec& loss,
                                                 const ComputeOptions& options);

template <typename T>
absl::StatusOr<v1::CompareRequest> EncodeCompare(const ArrayView<T>& logits, const Labels& labels,
                                                 absl::Span<const LossSpec> losses,
                                                 const CompareOptions& options);

absl::StatusOr<v1::ComputeClassWeightsRequest> EncodeClassWeights(
    const Labels& labels, const ClassWeightsOptions& options);

absl::StatusOr<v1::ComputeClassWeightsRequest> EncodeClassWeightsFromCounts(
    absl::Span<const double> counts, const ClassWeightsOptions& options);

// `q` may be null.
absl::StatusOr<v1::MeasureInformationRequest> EncodeInformation(const ArrayView<double>& p,
                                                                const ArrayView<double>* q,
                                                                const InformationOptions& options);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_REQUEST_ENCODING_H_
