#ifndef LOSSD_SERVER_TRANSPORT_GRPC_TLS_CREDENTIALS_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_TLS_CREDENTIALS_H_

#include <memory>

#include "grpcpp/security/server_credentials.h"
#include "server/transport/certificates.h"

namespace lossd::transport {

// Returns credentials for a server, which asks `source` anew for each connection: those that are
// there go on with what they began with. One thread at a time may hand connections over, because
// gRPC 1.51 uses what it replaces without a lock.
std::shared_ptr<grpc::ServerCredentials> TlsCredentials(CertificateSource source);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_TLS_CREDENTIALS_H_
