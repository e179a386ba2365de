// Looks for bytes that the server, which takes tensors out of a message by itself, reads otherwise
// than protobuf's own parser. The first byte of an input says how the others are cut into pieces.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/server/rpc/wire/split_agreement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string disagreement = lossd::rpc::SplitDisagreement(bytes, 1 + data[0]);
  if (disagreement.empty()) return 0;
  std::fprintf(stderr, "%s\n", disagreement.c_str());
  std::abort();
}
