#ifndef LOSSD_SERVER_AUTH_DIGEST_H_
#define LOSSD_SERVER_AUTH_DIGEST_H_

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lossd::auth {

// The SHA-256 of a token.
using Digest = std::array<uint8_t, 32>;

// Returns INTERNAL if the library has no SHA-256, as by a policy of the machine.
absl::StatusOr<Digest> Sha256(absl::string_view text);

// Compares in a time that does not depend on what they hold.
bool AreSame(const Digest& a, const Digest& b);

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_DIGEST_H_
