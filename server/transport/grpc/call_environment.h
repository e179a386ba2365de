#ifndef LOSSD_SERVER_TRANSPORT_GRPC_CALL_ENVIRONMENT_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_CALL_ENVIRONMENT_H_

#include <functional>
#include <vector>

#include "server/memory/memory_return.h"
#include "server/rpc/call_filter.h"
#include "server/rpc/limits.h"
#include "server/threads/ticker.h"
#include "server/threads/work_queue.h"
#include "server/transport/bounds.h"
#include "server/transport/byte_budget.h"
#include "server/transport/call_count.h"
#include "server/transport/call_filters.h"
#include "server/transport/call_ids.h"
#include "server/transport/drain.h"
#include "server/transport/grpc/raw_service.h"
#include "server/transport/open_streams.h"

namespace lossd::transport {

// The things that all calls share. It outlives them.
struct CallEnvironment {
  struct Options {
    Bounds bounds;
    int worker_count = 1;
    std::vector<rpc::CallFilter*> filters;
    std::function<void()> give_back_memory;
  };
  // `server_limits` outlive it.
  CallEnvironment(const rpc::Limits& server_limits, Options options);

  const rpc::Limits& limits;
  const CallFilters filters;
  CallIds call_ids;
  RawService service;
  CallCount calls;  // those that are waited for included
  Drain drain;
  ByteBudget budget;
  OpenStreams streams;
  // For requests that are too large to be answered between two events. Late, so that they end
  // before the things above.
  WorkQueue workers;

 private:
  void Tick();

  MemoryReturn memory_return_;
  Ticker ticker_;  // last
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_CALL_ENVIRONMENT_H_
