#ifndef LOSSD_TESTS_PROTO_WIRE_SPLIT_AGREEMENT_H_
#define LOSSD_TESTS_PROTO_WIRE_SPLIT_AGREEMENT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace lossd::wire {

// Reads `bytes`, in pieces of `piece_size`, as each of the requests and responses whose tensors are
// taken out, and has protobuf's own parser read them too. Returns what differs, and an empty text
// when the two agree that the bytes are no such message, or agree on every field of it. Takes
// payloads of any size out, not large ones alone. Adds their number to `taken_out`, if not null.
std::string SplitDisagreement(absl::string_view bytes, size_t piece_size, int* taken_out = nullptr);

}  // namespace lossd::wire

#endif  // LOSSD_TESTS_PROTO_WIRE_SPLIT_AGREEMENT_H_
