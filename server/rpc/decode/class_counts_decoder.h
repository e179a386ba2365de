#ifndef LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "lossd/v1/class_weights.pb.h"
#include "server/rpc/errors/field_violations.h"

namespace lossd::rpc {

// The counts [C], C >= 1, that the request's labels or counts come to. Adds to `violations`; the
// counts are then of no use.
// Errors: RESOURCE_EXHAUSTED when a response about so many classes would exceed
// `max_message_bytes`, before anything is allocated for them.
absl::StatusOr<std::vector<double>> DecodeClassCounts(const v1::ComputeClassWeightsRequest& request,
                                                      int64_t max_message_bytes,
                                                      FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_
