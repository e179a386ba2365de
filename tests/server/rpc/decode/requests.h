#ifndef LOSSD_TESTS_SERVER_RPC_DECODE_REQUESTS_H_
#define LOSSD_TESTS_SERVER_RPC_DECODE_REQUESTS_H_

#include <cstdint>

namespace lossd::rpc {

inline constexpr int64_t kMaxMessageBytes = int64_t{64} << 20;

// Parts of valid requests, in protobuf's text format.
inline constexpr char kLogits[] = " logits { shape: [2, 3] float_values: [2, 1, 0, 0, 1, 2] }";
inline constexpr char kLabels[] = " labels { int_values: [0, 2] }";
inline constexpr char kSigmoid[] = " activation: ACTIVATION_SIGMOID";
inline constexpr char kBinaryLabels[] = " labels { shape: [2, 3] int_values: [1, 0, 0, 0, 0, 1] }";
inline constexpr char kTargets[] = " labels { shape: [2, 3] float_values: [1, 0, 0, 0.5, 0, 0.5] }";

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_DECODE_REQUESTS_H_
