#ifndef LOSSD_TESTS_SERVER_AUTH_ISSUED_CERTIFICATES_H_
#define LOSSD_TESTS_SERVER_AUTH_ISSUED_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/time/time.h"

namespace lossd {

// A certificate and its key, in PEM.
struct KeyPair {
  std::string certificate;
  std::string key;
};

// What a certificate says.
struct Subject {
  std::string name = "server";
  // As OpenSSL writes alternative names.
  std::string hosts = "DNS:localhost,IP:127.0.0.1";
  // From now on.
  absl::Duration begin = -absl::Hours(1);
  absl::Duration end = absl::Hours(24 * 90);
};

// Signs certificates with keys that are made for the test, of the curve P-256.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name = "authority");
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  // Returns its own certificate.
  const std::string& certificate() const { return certificate_; }
  // Returns a new key and its certificate.
  KeyPair Issue(const Subject& subject = {}) const;

 private:
  EVP_PKEY* const key_;
  X509* const own_;
  const std::string certificate_;
};

// Returns a key in PEM that has a password.
std::string KeyWithPassword();
// Returns a certificate that signs itself with an RSA key of so many bits.
KeyPair SelfSignedRsa(unsigned bits);

}  // namespace lossd

#endif  // LOSSD_TESTS_SERVER_AUTH_ISSUED_CERTIFICATES_H_
