#ifndef LOSSD_SERVER_TRANSPORT_GRPC_GRPC_LOG_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_GRPC_LOG_H_

#include "server/process/log.h"

namespace lossd::transport {

// Makes gRPC's own errors entries of a copy of `log` from here on, so that stderr has one format.
// Holds for the whole process; the last log that was given gets the errors.
void LogGrpcErrors(const Log& log);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_GRPC_LOG_H_
