// Looks for bytes that TakeOutTensors and protobuf together read otherwise than protobuf alone, as
// a request or as a response. The first byte of an input says how the others are cut into pieces.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/proto/wire/split_agreement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string disagreement = lossd::wire::SplitDisagreement(bytes, 1 + data[0]);
  if (disagreement.empty()) return 0;
  std::fprintf(stderr, "%s\n", disagreement.c_str());
  std::abort();
}
