#include "tests/server/auth/issued_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <functional>

namespace lossd {
namespace {

template <typename Object>
using Owned = std::unique_ptr<Object, std::function<void(Object*)>>;

Owned<EVP_PKEY> MakeKey() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

// Returns what `write` writes.
std::string Pem(const std::function<int(BIO*)>& write) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()), [](BIO* memory) { BIO_free(memory); });
  write(bio.get());
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<size_t>(size)};
}

std::string PemOf(X509* certificate) {
  return Pem([=](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string PemOf(EVP_PKEY* key) {
  return Pem([=](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void AddExtension(X509* certificate, int number, const std::string& value) {
  if (value.empty()) return;
  const Owned<X509_EXTENSION> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, number, value.c_str()), X509_EXTENSION_free);
  X509_add_ext(certificate, extension.get(), -1);
}

// Returns a certificate for `key` without an issuer or a signature.
Owned<X509> Unsigned(EVP_PKEY* key, const Subject& subject) {
  static std::atomic<int> serial = 1;
  Owned<X509> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), absl::ToInt64Seconds(subject.begin));
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), absl::ToInt64Seconds(subject.end));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(subject.name.c_str()), -1, -1,
                             0);  // NOLINT
  AddExtension(certificate.get(), NID_subject_alt_name, subject.hosts);
  return certificate;
}

X509* MakeOwn(EVP_PKEY* key, const std::string& name) {
  Subject subject;
  subject.name = name;
  subject.hosts = "";
  Owned<X509> own = Unsigned(key, subject);
  AddExtension(own.get(), NID_basic_constraints, "critical,CA:TRUE");
  X509_set_issuer_name(own.get(), X509_get_subject_name(own.get()));
  X509_sign(own.get(), key, EVP_sha256());
  return own.release();
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name)
    : key_(MakeKey().release()), own_(MakeOwn(key_, name)), certificate_(PemOf(own_)) {}

CertificateAuthority::~CertificateAuthority() {
  X509_free(own_);
  EVP_PKEY_free(key_);
}

KeyPair CertificateAuthority::Issue(const Subject& subject) const {
  const Owned<EVP_PKEY> key = MakeKey();
  const Owned<X509> certificate = Unsigned(key.get(), subject);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(own_));
  X509_sign(certificate.get(), key_, EVP_sha256());
  return {PemOf(certificate.get()), PemOf(key.get())};
}

std::string KeyWithPassword() {
  const Owned<EVP_PKEY> key = MakeKey();
  unsigned char password[] = "secret";
  return Pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key.get(), EVP_aes_128_cbc(), password, 6, nullptr,
                                    nullptr);
  });
}

KeyPair SelfSignedRsa(unsigned bits) {
  const Owned<EVP_PKEY> key(EVP_RSA_gen(bits), EVP_PKEY_free);
  const Owned<X509> certificate = Unsigned(key.get(), {});
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  return {PemOf(certificate.get()), PemOf(key.get())};
}

}  // namespace lossd
