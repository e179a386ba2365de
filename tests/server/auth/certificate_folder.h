#ifndef LOSSD_TESTS_SERVER_AUTH_CERTIFICATE_FOLDER_H_
#define LOSSD_TESTS_SERVER_AUTH_CERTIFICATE_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp() is POSIX's

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/server/auth/issued_certificates.h"

namespace lossd {

// A folder of its own for the files of a server's certificate, removed with this.
class CertificateFolder {
 public:
  CertificateFolder() : path_(::testing::TempDir() + "lossd-certificates-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~CertificateFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  CertificateFolder(const CertificateFolder&) = delete;
  CertificateFolder& operator=(const CertificateFolder&) = delete;

  std::string certificate() const { return path_ + "/server.crt"; }
  std::string key() const { return path_ + "/server.key"; }
  std::string client_authorities() const { return path_ + "/clients.crt"; }

  void Write(const KeyPair& pair) const {
    Write(certificate(), pair.certificate);
    Write(key(), pair.key);
  }
  // Nobody sees a part of the text.
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path + ".part", std::ios::trunc | std::ios::binary) << text;
    std::filesystem::rename(path + ".part", path);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace lossd

#endif  // LOSSD_TESTS_SERVER_AUTH_CERTIFICATE_FOLDER_H_
