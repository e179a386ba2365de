#ifndef LOSSD_SERVER_TRANSPORT_CALL_ENVIRONMENT_H_
#define LOSSD_SERVER_TRANSPORT_CALL_ENVIRONMENT_H_

#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "server/memory/memory_return.h"
#include "server/rpc/call_filter.h"
#include "server/rpc/limits.h"
#include "server/threads/line_queue.h"
#include "server/threads/ticker.h"
#include "server/threads/work_queue.h"
#include "server/transport/byte_budget.h"
#include "server/transport/call_filters.h"
#include "server/transport/call_ids.h"
#include "server/transport/drain.h"
#include "server/transport/open_streams.h"

namespace lossd::transport {

// The things that all calls share, whatever transport they come by. It outlives the transports.
struct CallEnvironment {
  struct Options {
    // For a call to wait for room, for its request to arrive and for its answer to be read.
    absl::Duration stall_timeout = absl::Seconds(60);
    // Threads that answer large requests.
    int worker_count = 1;
    // Asked and told of every call of the services, in this order. Not owned.
    std::vector<rpc::CallFilter*> filters;
    // Returns to the system the memory that is kept for the next requests. Called when there were
    // none for some seconds, or when it is too much.
    std::function<void()> give_back_memory = [] {};
  };
  // `server_limits` and the filters outlive it.
  CallEnvironment(const rpc::Limits& server_limits, Options options);

  // Refuses new calls with UNAVAILABLE from here on, ends open streams after the batches that they
  // have read, and waits for calls and for clients to notice (see Drain). Returns false if there
  // are calls left, of which those that compute were waited for until `deadline`.
  bool FinishCalls(Drain::Clock::time_point deadline);

  const rpc::Limits& limits;
  const CallFilters filters;
  CallIds call_ids;
  Drain drain;
  ByteBudget budget;
  OpenStreams streams;
  // For requests that are too large to be answered between two events. These two are late, so that
  // they end before the things above.
  WorkQueue workers;
  // For what waits for others: stores of runs.
  LineQueue waiters;

  // Waits for what workers and waiters do now, and not for what follows, to return.
  void WaitForRunning();

 private:
  void Tick();

  MemoryReturn memory_return_;
  Ticker ticker_;  // last
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CALL_ENVIRONMENT_H_
