// The program's certificates: as it starts, and when their files change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"
#include "tests/server/auth/certificate_folder.h"
#include "tests/server/auth/issued_certificates.h"

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kProgram[] = LOSSD_PROGRAM;

// Returns whether a server answers whose certificate that authority has signed.
bool Answers(const std::string& address, const CertificateAuthority& authority) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto stub = v1::LossService::NewStub(grpc::CreateCustomChannel(
      address, grpc::SslCredentials({authority.certificate(), "", ""}), arguments));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  v1::GetServerInfoResponse response;
  return stub->GetServerInfo(&context, {}, &response).ok();
}

// Waits for an entry of the log; returns false after half a minute.
bool WaitForLog(const ChildProcess& process, absl::string_view text) {
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (!absl::StrContains(process.ErrorOutput(), text)) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

class CertificatesTest : public ::testing::Test {
 protected:
  const CertificateFolder folder_;
  const CertificateAuthority first_{"first"};
  const CertificateAuthority second_{"second"};
};

TEST_F(CertificatesTest, AreReadAgainWhenTheyChangeAndAtAHangup) {
  folder_.Write(first_.Issue());
  const ChildProcess process(kProgram, {"--listen", "127.0.0.1:0", "--tls-cert",
                                        folder_.certificate(), "--tls-key", folder_.key()});
  const std::string line = process.ReadLine().value_or("(the end)");
  absl::string_view rest = line;
  ASSERT_TRUE(absl::ConsumePrefix(&rest, "listening on ")) << line << process.ErrorOutput();
  const std::string address(rest);
  EXPECT_TRUE(WaitForLog(process, " tls=\"on\""));
  EXPECT_TRUE(Answers(address, first_));
  folder_.Write(second_.Issue());
  EXPECT_TRUE(WaitForLog(process, "info certificates reloaded"));
  EXPECT_TRUE(Answers(address, second_));

  const KeyPair next = first_.Issue();
  CertificateFolder::Write(folder_.certificate(), next.certificate);
  process.Signal(SIGHUP);
  EXPECT_TRUE(WaitForLog(process, "error the certificates cannot be reloaded and stay"));
  EXPECT_TRUE(Answers(address, second_));
  CertificateFolder::Write(folder_.key(), next.key);
  process.Signal(SIGHUP);
  EXPECT_TRUE(WaitForLog(process, "info reloaded"));
  EXPECT_TRUE(Answers(address, first_));
}

TEST_F(CertificatesTest, OfAnotherKeyEndTheProgram) {
  folder_.Write({first_.Issue().certificate, first_.Issue().key});
  ChildProcess process(
      kProgram, {"--listen", "127.0.0.1:0"},
      {"LOSSD_TLS_CERT=" + folder_.certificate(), "LOSSD_TLS_KEY=" + folder_.key()});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(
      process.ErrorOutput(),
      AllOf(HasSubstr("error the key does not belong to the certificate: key values mismatch"),
            HasSubstr(folder_.key())));
}

}  // namespace
}  // namespace lossd
