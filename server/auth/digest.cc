#include "server/auth/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "absl/status/status.h"

namespace lossd::auth {

absl::StatusOr<Digest> Sha256(absl::string_view text) {
  Digest digest;
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size != digest.size()) {
    return absl::InternalError("OpenSSL computes no SHA-256");
  }
  return digest;
}

bool AreSame(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace lossd::auth
