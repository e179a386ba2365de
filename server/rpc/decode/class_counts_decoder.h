#ifndef LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "lossd/v1/class_weights.pb.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// Asked when the number of classes is known, before memory is taken for them; returns an error to
// end the call with.
using AdmitClasses = std::function<absl::Status(int64_t class_count)>;

// Returns the counts [C], C ≥ 1, that the request's labels or counts come to. Adds what is wrong to
// the violations; the result must not be used then. Errors: CANCELLED; those of `admit`, which is
// asked when there are no violations.
absl::StatusOr<std::vector<double>> DecodeClassCounts(const v1::ComputeClassWeightsRequest& request,
                                                      const AdmitClasses& admit,
                                                      const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_
