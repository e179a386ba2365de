#ifndef LOSSD_TESTS_SERVER_RPC_DECODE_COMPUTE_REFUSALS_H_
#define LOSSD_TESTS_SERVER_RPC_DECODE_COMPUTE_REFUSALS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "tests/server/rpc/decode/requests.h"
#include "tests/server/rpc/errors/refusals.h"

namespace lossd::rpc {

// Returns why the request is refused, or OK.
inline absl::Status Decode(const v1::ComputeRequest& request) {
  const auto pool = BufferPool::Create(0);
  return DecodeComputeRequest(request, {}, *pool, kMaxMessageBytes).status();
}

// Expects one precise answer to each way of asking for something impossible.
inline void ExpectComputeRefusals(const std::vector<Refusal>& refusals) {
  ExpectRefusals<v1::ComputeRequest>(refusals, Decode);
}

// Return valid requests of each activation, but for what is put in.
inline std::string Softmax(absl::string_view rest) { return absl::StrCat(kLogits, kLabels, rest); }

inline std::string SoftmaxLoss(absl::string_view loss) {
  return absl::StrCat(kLogits, kLabels, " loss { ", loss, " }");
}

inline std::string Sigmoid(absl::string_view rest) {
  return absl::StrCat(kLogits, kBinaryLabels, " loss {", kSigmoid, " }", rest);
}

inline std::string SigmoidLoss(absl::string_view loss) {
  return absl::StrCat(kLogits, kBinaryLabels, " loss {", kSigmoid, " ", loss, " }");
}

inline std::string WithLabels(absl::string_view labels) {
  return absl::StrCat(kLogits, " labels { ", labels, " }");
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_DECODE_COMPUTE_REFUSALS_H_
