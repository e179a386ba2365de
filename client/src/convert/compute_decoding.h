#ifndef LOSSD_CLIENT_SRC_CONVERT_COMPUTE_DECODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_COMPUTE_DECODING_H_

#include "absl/status/statusor.h"
#include "client/src/convert/destinations.h"
#include "client/src/wire/received_response.h"
#include "lossd/compute.h"

namespace lossd::client {

// Reads a response. Arrays with a destination go there, the others to the result. Returns INTERNAL,
// naming the field, when something is missing that was asked for, or the data of an array do not
// fit its type and shape. Instantiated for float and double.
template <typename T>
absl::StatusOr<Result<T>> DecodeCompute(const ReceivedResponse& response,
                                        const OutputOptions& asked,
                                        const Destinations<T>& destinations = {});

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_COMPUTE_DECODING_H_
