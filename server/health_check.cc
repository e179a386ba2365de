#include "server/health_check.h"

#include <memory>
#include <string>

#include "server/auth/certificate_files.h"
#include "server/transport/certificates.h"

namespace lossd {

transport::HealthFinding CheckHealth(const ServerOptions& options) {
  std::shared_ptr<const transport::Certificates> certificates;
  if (options.tls_client_ca.empty()) {
    // Files that are just being changed are none of its business.
    if (!options.tls_cert.empty()) certificates = std::make_shared<transport::Certificates>();
  } else {
    const auto files = auth::CertificateFiles::Read(
        {options.tls_cert, options.tls_key, options.tls_client_ca}, nullptr);
    if (!files.ok()) return {transport::Health::kUnknown, std::string(files.status().message())};
    certificates = (*files)->current();
  }
  return transport::ProbeHealth(options.listen, certificates);
}

}  // namespace lossd
