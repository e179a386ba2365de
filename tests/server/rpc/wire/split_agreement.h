#ifndef LOSSD_TESTS_SERVER_RPC_WIRE_SPLIT_AGREEMENT_H_
#define LOSSD_TESTS_SERVER_RPC_WIRE_SPLIT_AGREEMENT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace lossd::rpc {

// Reads `bytes` as each of the messages whose tensors are taken out on the way in, in pieces of
// `piece_size`, and as protobuf's own parser does. Empty when the two agree: whether it is a
// message, and on every field of it; else what differs. `taken_out`, which may be null, gets the
// number of payloads that did not go through protobuf. Payloads of any size are taken out, not
// large ones alone.
std::string SplitDisagreement(absl::string_view bytes, size_t piece_size, int* taken_out = nullptr);

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_WIRE_SPLIT_AGREEMENT_H_
