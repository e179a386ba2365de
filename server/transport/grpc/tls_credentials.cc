#include "server/transport/grpc/tls_credentials.h"

#include <string>
#include <utility>

#include "grpc/grpc.h"
#include "grpc/grpc_security.h"

namespace lossd::transport {
namespace {

// gRPC's C++ credentials either never change or read files themselves, where a certificate that has
// another's key would end all further connections. Its C interface asks for what is there.
class SourcedCredentials final : public grpc::ServerCredentials {
 public:
  explicit SourcedCredentials(CertificateSource source) : source_(std::move(source)) {
    const bool asks_clients = !source_()->client_authorities.empty();
    core_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            asks_clients ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                         : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            &SourcedCredentials::Fetch, this));
  }
  ~SourcedCredentials() override { grpc_server_credentials_release(core_); }
  SourcedCredentials(const SourcedCredentials&) = delete;
  SourcedCredentials& operator=(const SourcedCredentials&) = delete;

  // The metadata of calls is for filters.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), core_);
  }

  // Gives gRPC the certificates that it does not have yet. gRPC owns them then.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<SourcedCredentials*>(self);
    std::shared_ptr<const Certificates> certificates = credentials.source_();
    if (certificates == credentials.given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {certificates->key.c_str(),
                                             certificates->chain.c_str()};
    // gRPC wants some where no client is asked, too.
    const std::string& authorities = certificates->client_authorities.empty()
                                         ? certificates->chain
                                         : certificates->client_authorities;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    credentials.given_ = std::move(certificates);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const CertificateSource source_;
  grpc_server_credentials* core_ = nullptr;
  std::shared_ptr<const Certificates> given_;  // last
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(CertificateSource source) {
  return std::make_shared<SourcedCredentials>(std::move(source));
}

}  // namespace lossd::transport
