#ifndef LOSSD_SERVER_TRANSPORT_GRPC_HEALTH_PROBE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_HEALTH_PROBE_H_

#include <memory>
#include <string>
#include <vector>

#include "server/transport/certificates.h"

namespace lossd::transport {

// What grpc_health_probe exits with.
enum class Health {
  kServing = 0,
  kUnknown = 1,      // there is no address to ask at
  kUnreachable = 2,  // nobody takes the connection
  kCallFailed = 3,   // who takes it does not answer
  kNotServing = 4,
};

struct HealthFinding {
  Health health = Health::kUnknown;
  std::string text;  // for people
};

// Asks the server that listens at these addresses, as --listen has them, for its health: at a Unix
// socket if there is one, else at the first whose port is known, on this machine where it is all
// addresses. Waits for a few seconds.
//
// With `certificates` it asks over TLS. It does not check the server's: the connection does not
// leave the machine, tells no secret, and the certificate has the name that others call. A server
// that asks clients for a certificate is shown its own: only then `certificates` has anything.
HealthFinding ProbeHealth(const std::vector<std::string>& listen,
                          const std::shared_ptr<const Certificates>& certificates);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_HEALTH_PROBE_H_
