// lossd --healthcheck, with the exit status of grpc_health_probe.
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"
#include "tests/server/auth/certificate_folder.h"
#include "tests/server/auth/issued_certificates.h"

namespace lossd {
namespace {

constexpr char kProgram[] = LOSSD_PROGRAM;

// Returns the exit status of a check with these flags and variables.
int Check(std::vector<std::string> flags, const std::vector<std::string>& variables = {}) {
  flags.insert(flags.begin(), "--healthcheck");
  ChildProcess process(kProgram, flags, variables);
  return process.Wait();
}

// Returns where a server listens, of which the next line of output tells.
std::string NextAddress(const ChildProcess& server) {
  const std::string line = server.ReadLine().value_or("(the end)");
  absl::string_view address = line;
  EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << line << server.ErrorOutput();
  return std::string(address);
}

TEST(HealthCheckTest, SaysWhetherTheServerServes) {
  const ChildProcess server(kProgram, {"--listen", "127.0.0.1:0", "--drain-delay", "20s"});
  const std::string address = NextAddress(server);
  EXPECT_EQ(Check({"--listen", address}), 0);
  EXPECT_EQ(Check({}, {"LOSSD_LISTEN=" + address}), 0);
  // Where all addresses are this machine's own.
  EXPECT_EQ(Check({"--listen", absl::StrCat("0.0.0.0", address.substr(address.rfind(':')))}), 0);
  EXPECT_EQ(Check({"--listen", absl::StrCat("[::]", address.substr(address.rfind(':')))}), 0);
  server.Signal(SIGTERM);
  const absl::Time end = absl::Now() + absl::Seconds(15);
  while (!absl::StrContains(server.ErrorOutput(), "info stopping") && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(Check({"--listen", address}), 4);
}

TEST(HealthCheckTest, SaysWhyThereIsNoAnswer) {
  EXPECT_EQ(Check({"--listen", "here"}), 1);
  EXPECT_EQ(Check({"--listen", "127.0.0.1:0"}), 1) << "the port is not known";
  EXPECT_EQ(Check({"--potatoes"}), 1);
  EXPECT_EQ(Check({"--listen", absl::StrCat("unix:", ::testing::TempDir(), "/nobody")}), 2);
  v1::LossService::Service without_health;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&without_health);
  const auto server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(Check({"--listen", absl::StrCat("127.0.0.1:", port)}), 3);
}

TEST(HealthCheckTest, AsksOverTlsOrAtAUnixSocket) {
  const CertificateAuthority authority;
  const CertificateFolder folder;
  Subject subject;
  subject.hosts = "DNS:gpu-7";  // Not where it asks.
  folder.Write(authority.Issue(subject));
  CertificateFolder::Write(folder.client_authorities(), authority.certificate());
  const std::string socket = absl::StrCat("unix:", folder.path(), "/socket");
  std::vector<std::string> tls = {"--tls-cert", folder.certificate(), "--tls-key", folder.key()};
  for (const bool asks_clients : {false, true}) {
    if (asks_clients) {
      tls.insert(tls.end(), {"--tls-client-ca", folder.client_authorities()});
    }
    std::vector<std::string> flags = {"--listen", "127.0.0.1:0", "--listen", socket};
    flags.insert(flags.end(), tls.begin(), tls.end());
    const ChildProcess server(kProgram, flags);
    std::vector<std::string> check = {"--listen", NextAddress(server)};
    check.insert(check.end(), tls.begin(), tls.end());
    EXPECT_EQ(Check(check), 0) << asks_clients;
    if (!asks_clients) {
      EXPECT_EQ(Check({"--listen", check[1]}), 2) << "plain text";
    }
    check.insert(check.end(), {"--listen", NextAddress(server)});
    EXPECT_EQ(Check(check), 0) << asks_clients;
  }
}

}  // namespace
}  // namespace lossd
