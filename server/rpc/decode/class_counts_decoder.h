#ifndef LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "lossd/v1/class_weights.pb.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// Returns the counts [C], C ≥ 1, that the request's labels or counts come to. Adds what is wrong to
// the violations; the result must not be used then. Errors: RESOURCE_EXHAUSTED, before counts are
// allocated, when a response about so many classes would exceed `max_message_bytes`.
absl::StatusOr<std::vector<double>> DecodeClassCounts(const v1::ComputeClassWeightsRequest& request,
                                                      int64_t max_message_bytes,
                                                      const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_CLASS_COUNTS_DECODER_H_
