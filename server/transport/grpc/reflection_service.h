#ifndef LOSSD_SERVER_TRANSPORT_GRPC_REFLECTION_SERVICE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_REFLECTION_SERVICE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "grpcpp/server_builder.h"
#include "server/transport/call_count.h"
#include "server/transport/call_filters.h"
#include "server/transport/grpc/event_queue.h"

namespace lossd::transport {

// Serves grpc.reflection.v1alpha.ServerReflection from a queue of this server, to callers that the
// filters know or let in. Those are told of its calls, and not of its answers. (gRPC's own
// service asks nobody, and keeps a thread for each of its calls.)
class ReflectionService {
 public:
  // Returns its name in full.
  static const char* name() { return Service::service_full_name(); }

  // `services` are those that the server has, by their full names. The filters outlive this.
  ReflectionService(const CallFilters& filters, std::vector<std::string> services);
  ReflectionService(const ReflectionService&) = delete;
  ReflectionService& operator=(const ReflectionService&) = delete;

  void Register(grpc::ServerBuilder& builder);

  // Begins to answer. The server has started.
  void Start(EventQueue& queue);

  // Waits until every call has ended. The server has shut down, or never started.
  void WaitForCalls() { calls_.WaitForNone(absl::InfiniteFuture()); }

 private:
  using Service = grpc::reflection::v1alpha::ServerReflection;
  // In bytes: a message is of any size until it is looked at.
  using BytesService = Service::WithRawMethod_ServerReflectionInfo<Service::Service>;
  class Call;

  const CallFilters& filters_;
  const std::vector<std::string> services_;
  BytesService service_;
  CallCount calls_;  // those that are waited for included
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_REFLECTION_SERVICE_H_
