#include "server/transport/grpc/health_probe.h"

#include <chrono>
#include <functional>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_certificate_verifier.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "server/config/listen_address.h"

namespace lossd::transport {
namespace {

using grpc::experimental::ExternalCertificateVerifier;
using grpc::experimental::TlsCustomVerificationCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// A server under load takes some time, and who asks gives up after about as long.
constexpr std::chrono::seconds kPatience(3);

std::chrono::system_clock::time_point Deadline() {
  return std::chrono::system_clock::now() + kPatience;
}

// Takes every certificate.
class AnyCertificate final : public ExternalCertificateVerifier {
 public:
  bool Verify(TlsCustomVerificationCheckRequest*, std::function<void(grpc::Status)>,
              grpc::Status* status) override {
    *status = grpc::Status::OK;
    return true;
  }
  void Cancel(TlsCustomVerificationCheckRequest*) override {}
};

// Returns an address as gRPC's client takes it; "" if no port is known.
std::string Target(const std::vector<std::string>& listen) {
  std::string target;
  for (const std::string& address : listen) {
    const auto parts = ParseListenAddress(address);
    if (!parts.ok()) continue;
    if (!parts->path.empty()) return address;
    if (parts->port == 0 || !target.empty()) continue;
    const bool is_everywhere = parts->host == "0.0.0.0" || parts->host == "::";
    target = is_everywhere ? absl::StrCat("127.0.0.1:", parts->port) : address;
  }
  return target;
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(
    const std::string& target, const std::shared_ptr<const Certificates>& certificates) {
  const bool is_plain = certificates == nullptr || !ParseListenAddress(target)->path.empty();
  if (is_plain) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(ExternalCertificateVerifier::Create<AnyCertificate>());
  if (!certificates->client_authorities.empty()) {
    options.set_certificate_provider(
        std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
            std::vector<grpc::experimental::IdentityKeyCertPair>{
                {certificates->key, certificates->chain}}));
    options.watch_identity_key_cert_pairs();
  }
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

HealthFinding ProbeHealth(const std::vector<std::string>& listen,
                          const std::shared_ptr<const Certificates>& certificates) {
  const std::string target = Target(listen);
  if (target.empty()) {
    return {Health::kUnknown, "--listen has no address whose port is known"};
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel =
      grpc::CreateCustomChannel(target, Credentials(target, certificates), arguments);
  if (!channel->WaitForConnected(Deadline())) {
    return {Health::kUnreachable, absl::StrCat("no connection to ", target)};
  }
  grpc::ClientContext context;
  context.set_deadline(Deadline());
  HealthCheckResponse response;
  const grpc::Status status =
      grpc::health::v1::Health::NewStub(channel)->Check(&context, {}, &response);
  if (!status.ok()) {
    return {Health::kCallFailed, absl::StrCat(target, " fails: ", status.error_message())};
  }
  const std::string text =
      absl::StrCat("status: ", HealthCheckResponse::ServingStatus_Name(response.status()));
  if (response.status() != HealthCheckResponse::SERVING) return {Health::kNotServing, text};
  return {Health::kServing, text};
}

}  // namespace lossd::transport
