#include "server/auth/certificate_check.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lossd::auth {
namespace {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

// Returns what OpenSSL said last, for the end of an error; "" if it said nothing.
std::string Reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "" : absl::StrCat(": ", reason);
}

// Clears what OpenSSL said on this thread, where gRPC would take it for its own.
class ErrorsCleared {
 public:
  ErrorsCleared() { ERR_clear_error(); }
  ~ErrorsCleared() { ERR_clear_error(); }
  ErrorsCleared(const ErrorsCleared&) = delete;
  ErrorsCleared& operator=(const ErrorsCleared&) = delete;
};

Bio OpenText(const std::string& text) {
  constexpr size_t kMost = std::numeric_limits<int>::max();
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(std::min(text.size(), kMost))));
}

// Returns the certificates in a text, which must have one.
absl::StatusOr<std::vector<Certificate>> ReadChain(const std::string& text,
                                                   absl::string_view name) {
  const Bio bio = OpenText(text);
  std::vector<Certificate> chain;
  while (Certificate next{PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)}) {
    chain.push_back(std::move(next));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (chain.empty() || !at_end) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, " has ", chain.empty() ? "no certificate in PEM" : "a broken certificate",
        at_end ? "" : Reason()));
  }
  ERR_clear_error();
  return chain;
}

Key ReadKey(const std::string& text) {
  const Bio bio = OpenText(text);
  // With no password to offer, OpenSSL would ask at the terminal.
  pem_password_cb* const no_password = [](char*, int, int, void*) { return -1; };
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
}

// Returns a time of a certificate.
absl::Time TimeOf(const ASN1_TIME* time) {
  tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<Validity> CheckCertificates(const transport::Certificates& certificates) {
  const ErrorsCleared cleared;
  const auto chain = ReadChain(certificates.chain, "the file of the certificate");
  if (!chain.ok()) return chain.status();
  const Key key = ReadKey(certificates.key);
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file of the key has no private key in PEM without a password", Reason()));
  }
  // Puts them together as gRPC does, so that gRPC has nothing left to refuse.
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return absl::InternalError(absl::StrCat("OpenSSL fails", Reason()));
  if (SSL_CTX_use_certificate(context.get(), chain->front().get()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("the certificate cannot be used", Reason()));
  }
  // gRPC adds these without a look, and each handshake would find what is wrong.
  for (auto issuer = chain->begin() + 1; issuer != chain->end(); ++issuer) {
    if (SSL_CTX_add1_chain_cert(context.get(), issuer->get()) == 1) continue;
    return absl::InvalidArgumentError(absl::StrCat("certificate ", issuer - chain->begin() + 1,
                                                   " of the file cannot be used", Reason()));
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the key does not belong to the certificate", Reason()));
  }
  if (!certificates.client_authorities.empty()) {
    const auto authorities =
        ReadChain(certificates.client_authorities, "the file of the authorities of clients");
    if (!authorities.ok()) return authorities.status();
  }
  Validity validity = {TimeOf(X509_get0_notBefore(chain->front().get())), absl::InfiniteFuture()};
  for (const Certificate& certificate : *chain) {
    validity.end = std::min(validity.end, TimeOf(X509_get0_notAfter(certificate.get())));
  }
  return validity;
}

}  // namespace lossd::auth
