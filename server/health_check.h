#ifndef LOSSD_SERVER_HEALTH_CHECK_H_
#define LOSSD_SERVER_HEALTH_CHECK_H_

#include "server/server.h"
#include "server/transport/grpc/health_probe.h"

namespace lossd {

// Asks the server that was made of these options, in another process of this machine, for its
// health.
transport::HealthFinding CheckHealth(const ServerOptions& options);

}  // namespace lossd

#endif  // LOSSD_SERVER_HEALTH_CHECK_H_
