#ifndef LOSSD_SERVER_CONFIG_BYTE_SIZE_H_
#define LOSSD_SERVER_CONFIG_BYTE_SIZE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace lossd {

// Reads a size as people write it: a whole number and B, kB, MB, GB, TB, PB (powers of 1000), KiB,
// MiB, GiB, TiB, PiB (powers of 1024) or nothing, which is bytes. Upper and lower case are the
// same, a space may stand between. nullopt for anything else, signs and sizes over 63 bits among
// them.
std::optional<int64_t> ParseByteSize(absl::string_view text);

// Returns a size as ParseByteSize() takes it, in the largest unit of 1024s that it is whole in.
std::string PrintByteSize(int64_t bytes);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_BYTE_SIZE_H_
