#ifndef LOSSD_CLIENT_SRC_CONVERT_COMPUTE_DECODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_COMPUTE_DECODING_H_

#include "absl/status/statusor.h"
#include "client/src/convert/destinations.h"
#include "client/src/wire/compute_answer.h"
#include "lossd/compute.h"

namespace lossd::client {

// An answer to values. Arrays with a destination go there, the others to the result. INTERNAL,
// naming the field, where something is missing that was asked for or an array does not hold what it
// says. Instantiated for float and double.
template <typename T>
absl::StatusOr<Result<T>> DecodeCompute(const ComputeAnswer& answer, const OutputOptions& asked,
                                        const Destinations<T>& destinations = {});

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_COMPUTE_DECODING_H_
