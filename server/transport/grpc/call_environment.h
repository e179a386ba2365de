#ifndef LOSSD_SERVER_TRANSPORT_GRPC_CALL_ENVIRONMENT_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_CALL_ENVIRONMENT_H_

#include <utility>
#include <vector>

#include "server/rpc/call_filter.h"
#include "server/rpc/limits.h"
#include "server/threads/work_queue.h"
#include "server/transport/admission.h"
#include "server/transport/call_count.h"
#include "server/transport/call_filters.h"
#include "server/transport/call_ids.h"
#include "server/transport/drain.h"
#include "server/transport/grpc/raw_service.h"
#include "server/transport/open_streams.h"

namespace lossd::transport {

// The things that all calls share. It outlives them.
struct CallEnvironment {
  CallEnvironment(const rpc::Limits& server_limits, int worker_count,
                  std::vector<rpc::CallFilter*> call_filters)
      : limits(server_limits),
        filters(std::move(call_filters)),
        admission(limits.max_in_flight_bytes),
        workers(worker_count) {}

  const rpc::Limits& limits;
  const CallFilters filters;
  CallIds call_ids;
  RawService service;
  CallCount calls;  // those that are waited for included
  Drain drain;
  Admission admission;
  OpenStreams streams;
  // For requests that are too large to be answered between two events. Last, so that they end
  // first.
  WorkQueue workers;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_CALL_ENVIRONMENT_H_
