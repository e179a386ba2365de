// TLS over real sockets, between a server and gRPC's own client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "server/server.h"
#include "tests/server/auth/certificate_folder.h"
#include "tests/server/auth/issued_certificates.h"

namespace lossd {
namespace {

using ::testing::HasSubstr;

// What a client brings along.
struct ClientSide {
  std::string authorities;
  KeyPair own = {};
  std::string expected_name = {};
};

std::unique_ptr<v1::LossService::Stub> Stub(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    grpc::ChannelArguments arguments = {}) {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return v1::LossService::NewStub(grpc::CreateCustomChannel(address, credentials, arguments));
}

std::unique_ptr<v1::LossService::Stub> TlsStub(const std::string& address,
                                               const ClientSide& client) {
  grpc::ChannelArguments arguments;
  if (!client.expected_name.empty()) arguments.SetSslTargetNameOverride(client.expected_name);
  return Stub(address,
              grpc::SslCredentials({client.authorities, client.own.key, client.own.certificate}),
              arguments);
}

grpc::Status Ask(v1::LossService::Stub& stub) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  v1::GetServerInfoResponse response;
  return stub.GetServerInfo(&context, {}, &response);
}

class TlsTest : public ::testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.listen = {"127.0.0.1:0", "unix:" + folder_.path() + "/socket"};
    options.tls_cert = folder_.certificate();
    options.tls_key = folder_.key();
    auto server = Server::Create(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void StartAskingClients() {
    CertificateFolder::Write(folder_.client_authorities(), clients_authority_.certificate());
    ServerOptions options;
    options.tls_client_ca = folder_.client_authorities();
    Start(options);
  }

  const std::string& address() const { return server_->addresses().front(); }
  grpc::Status Ask(const ClientSide& client) const {
    return lossd::Ask(*TlsStub(address(), client));
  }

  const CertificateAuthority authority_;
  const CertificateAuthority clients_authority_{"clients"};
  const CertificateFolder folder_;
  std::unique_ptr<Server> server_;
};

TEST_F(TlsTest, TheRightCertificateIsTaken) {
  folder_.Write(authority_.Issue());
  Start();
  EXPECT_TRUE(Ask({authority_.certificate()}).ok());
}

TEST_F(TlsTest, AClientSeesTheWrongAuthorityAndTheWrongName) {
  folder_.Write(authority_.Issue());
  Start();
  grpc::Status status = Ask({clients_authority_.certificate()});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("certificate verify failed"));
  status = Ask({authority_.certificate(), {}, "gpu-7"});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("Peer name gpu-7 is not in peer certificate"));
}

TEST_F(TlsTest, AClientSeesACertificateThatHasExpired) {
  Subject subject;
  subject.begin = -absl::Hours(2);
  subject.end = -absl::Hours(1);
  folder_.Write(authority_.Issue(subject));
  Start();
  const grpc::Status status = Ask({authority_.certificate()});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("certificate verify failed"));
}

TEST_F(TlsTest, PlainTextIsForUnixSocketsAlone) {
  folder_.Write(authority_.Issue());
  Start();
  const auto plain = grpc::InsecureChannelCredentials();
  EXPECT_EQ(lossd::Ask(*Stub(address(), plain)).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(lossd::Ask(*Stub(server_->addresses().back(), plain)).ok());
}

TEST_F(TlsTest, AClientNeedsACertificateOfTheRightAuthority) {
  folder_.Write(authority_.Issue());
  StartAskingClients();
  EXPECT_TRUE(Ask({authority_.certificate(), clients_authority_.Issue()}).ok());
  EXPECT_EQ(Ask({authority_.certificate()}).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask({authority_.certificate(), authority_.Issue()}).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  Subject expired;
  expired.end = -absl::Minutes(1);
  EXPECT_EQ(Ask({authority_.certificate(), clients_authority_.Issue(expired)}).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Ask({authority_.certificate(), clients_authority_.Issue()}).ok());
}

TEST_F(TlsTest, AnotherAuthorityOfClientsTakesThePlaceOfTheFirst) {
  folder_.Write(authority_.Issue());
  StartAskingClients();
  const ClientSide first = {authority_.certificate(), clients_authority_.Issue()};
  EXPECT_TRUE(Ask(first).ok());
  const CertificateAuthority others("others");
  CertificateFolder::Write(folder_.client_authorities(), others.certificate());
  ASSERT_TRUE(server_->ReloadCertificates().ok());
  EXPECT_EQ(Ask(first).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Ask({authority_.certificate(), others.Issue()}).ok());
}

TEST_F(TlsTest, FilesThatAreSwappedUnderLoadFailNoCall) {
  const CertificateAuthority next_authority("next");
  folder_.Write(authority_.Issue());
  ServerOptions options;
  // Connections are made all the time.
  options.bounds.max_connection_age = absl::Milliseconds(100);
  Start(options);
  std::atomic<bool> done = false;
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const auto stub =
          TlsStub(address(), {authority_.certificate() + next_authority.certificate()});
      while (!done) {
        const grpc::Status status = lossd::Ask(*stub);
        EXPECT_TRUE(status.ok()) << status.error_message();
        ++answered;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    const bool to_next = i % 2 == 0;
    const CertificateAuthority& authority = to_next ? next_authority : authority_;
    const KeyPair pair = authority.Issue();
    CertificateFolder::Write(folder_.certificate(), pair.certificate);
    EXPECT_FALSE(server_->ReloadCertificates().ok());
    EXPECT_FALSE(Ask({authority.certificate()}).ok()) << "half a pair is not taken over";
    CertificateFolder::Write(folder_.key(), pair.key);
    EXPECT_TRUE(server_->ReloadCertificates().ok());
    EXPECT_TRUE(Ask({authority.certificate()}).ok());
    absl::SleepFor(absl::Milliseconds(150));
  }
  done = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_GT(answered, 100);
}

TEST_F(TlsTest, FilesThatAreWrongAtTheStartAreNamed) {
  folder_.Write({authority_.Issue().certificate, authority_.Issue().key});
  ServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.tls_cert = folder_.certificate();
  options.tls_key = folder_.key();
  const auto server = Server::Create(options);
  EXPECT_THAT(std::string(server.status().message()),
              AllOf(HasSubstr("the key does not belong to the certificate: key values mismatch"),
                    HasSubstr(folder_.certificate()), HasSubstr(folder_.key())));
}

}  // namespace
}  // namespace lossd
