#ifndef LOSSD_SERVER_TRANSPORT_GRPC_HEALTH_SERVICE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_HEALTH_SERVICE_H_

#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/server_builder.h"
#include "server/threads/mutex.h"
#include "server/transport/call_count.h"
#include "server/transport/grpc/event_queue.h"

namespace lossd::transport {

// Serves grpc.health.v1.Health from a queue of this server. (gRPC's own service comes with threads
// that poll beside the queues' own: they take the queues' events and pass them on, which makes each
// small call a fifth slower.)
class HealthService {
 public:
  // `services` are those whose health is asked for, by their full names, beside the server's own.
  explicit HealthService(const std::vector<std::string>& services);
  HealthService(const HealthService&) = delete;
  HealthService& operator=(const HealthService&) = delete;

  void Register(grpc::ServerBuilder& builder);

  // Begins to answer. The server has started.
  void Start(EventQueue& queue);

  // Answers NOT_SERVING from here on, also to clients that watch. Any thread, while `queue` runs.
  void StopServing();

  // Ends the watches with UNAVAILABLE, each after what it was told last, and waits for them until
  // `deadline`. gRPC's own shutdown resets them, and a client then may lose the NOT_SERVING that is
  // on its way. StopServing() was called.
  void EndWatches(absl::Time deadline);

  // Waits until every call has ended. The server has shut down, or never started.
  void WaitForCalls() { calls_.WaitForNone(absl::InfiniteFuture()); }

 private:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
  class Call;
  class Check;
  class Watch;

  bool Knows(absl::string_view service) const { return services_.contains(service); }
  Status StatusOf(absl::string_view service) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // With "", which is the server as a whole.
  const absl::flat_hash_set<std::string> services_;
  // In bytes: a message is of any size until it is looked at.
  using Service = grpc::health::v1::Health;
  Service::WithRawMethod_Check<Service::WithRawMethod_Watch<Service::Service>> service_;
  CallCount calls_;  // those that are waited for included

  Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = true;
  bool ends_watches_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<Watch*> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_HEALTH_SERVICE_H_
