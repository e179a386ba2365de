#ifndef LOSSD_TESTS_INTEGRATION_AUTH_TOKEN_TEXTS_H_
#define LOSSD_TESTS_INTEGRATION_AUTH_TOKEN_TEXTS_H_

#include <openssl/evp.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

namespace lossd {

// Returns the line of a file of tokens.
inline std::string TokenLine(absl::string_view name, absl::string_view token) {
  char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EXPECT_EQ(EVP_Digest(token.data(), token.size(), reinterpret_cast<unsigned char*>(digest), &size,
                       EVP_sha256(), nullptr),
            1);
  return absl::StrCat(name, " ", absl::BytesToHexString({digest, size}), "\n");
}

// A file of its own, removed when this goes.
class TokenFile {
 public:
  explicit TokenFile(const std::string& text)
      : path_(absl::StrCat(::testing::TempDir(), "/lossd-tokens-", getpid())) {
    Replace(text);
  }
  ~TokenFile() { unlink(path_.c_str()); }
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;

  // Puts another file in its place, at once.
  void Replace(const std::string& text) const {
    const std::string other = absl::StrCat(path_, ".new");
    std::ofstream(other) << text;
    EXPECT_EQ(std::rename(other.c_str(), path_.c_str()), 0);
  }

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

inline void Authorize(grpc::ClientContext& context, absl::string_view token) {
  context.AddMetadata("authorization", absl::StrCat("Bearer ", token));
}

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_AUTH_TOKEN_TEXTS_H_
