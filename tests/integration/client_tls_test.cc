// The C++ client and the program over TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/strip.h"
#include "lossd/client.h"
#include "tests/integration/child_process.h"
#include "tests/server/auth/certificate_folder.h"
#include "tests/server/auth/issued_certificates.h"

namespace lossd {
namespace {

using ::testing::HasSubstr;

// A server of the name gpu-7, which asks its clients for a certificate.
class ClientTlsTest : public ::testing::Test {
 protected:
  ClientTlsTest() {
    const std::string line = server_.ReadLine().value_or("(the end)");
    absl::string_view address = line;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << line << server_.ErrorOutput();
    options_.target = std::string(address);
    options_.tls = RightOptions();
  }

  TlsOptions RightOptions() const {
    const KeyPair own = clients_.Issue();
    return {authority_.certificate(), own.certificate, own.key, "gpu-7"};
  }

  absl::Status Ask() const {
    const absl::StatusOr<Client> client = Client::Create(options_);
    return client.ok() ? client->GetServerInfo().status() : client.status();
  }

  const CertificateAuthority authority_{"servers"};
  const CertificateAuthority clients_{"clients"};
  const CertificateFolder folder_;
  const ChildProcess server_{LOSSD_PROGRAM, WriteFiles()};
  ClientOptions options_;

 private:
  // Returns the flags that name them.
  std::vector<std::string> WriteFiles() const {
    Subject subject;
    subject.hosts = "DNS:gpu-7";
    folder_.Write(authority_.Issue(subject));
    CertificateFolder::Write(folder_.client_authorities(), clients_.certificate());
    return {"--listen",  "127.0.0.1:0", "--tls-cert",      folder_.certificate(),
            "--tls-key", folder_.key(), "--tls-client-ca", folder_.client_authorities()};
  }
};

TEST_F(ClientTlsTest, CallsWhomTheCertificateNames) {
  EXPECT_TRUE(Ask().ok()) << Ask();
  options_.tls->server_name = "";
  absl::Status status = Ask();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Peer name 127.0.0.1 is not in peer"));
  options_.tls = RightOptions();
  options_.tls->root_certificates = clients_.certificate();
  status = Ask();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("certificate verify failed"));
}

TEST_F(ClientTlsTest, ShowsItsCertificate) {
  options_.tls->client_certificate = "";
  options_.tls->client_key = "";
  EXPECT_EQ(Ask().code(), absl::StatusCode::kUnavailable);
  const KeyPair strangers = authority_.Issue();
  options_.tls->client_certificate = strangers.certificate;
  options_.tls->client_key = strangers.key;
  EXPECT_EQ(Ask().code(), absl::StatusCode::kUnavailable);
  options_.tls = RightOptions();
  EXPECT_TRUE(Ask().ok()) << Ask();
}

}  // namespace
}  // namespace lossd
