#ifndef LOSSD_SERVER_TRANSPORT_GRPC_ASYNC_SERVICE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_ASYNC_SERVICE_H_

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "grpcpp/server_builder.h"
#include "server/transport/call_environment.h"
#include "server/transport/grpc/event_queue.h"
#include "server/transport/grpc/grpc_calls.h"
#include "server/transport/grpc/health_service.h"
#include "server/transport/grpc/reflection_service.h"
#include "server/transport/grpc/served_method.h"

namespace lossd::transport {

// Whether a server tells tools what services and messages there are.
enum class Reflection { kOff, kOn };

// Serves lossd.v1's services, and health and reflection beside them, from completion queues with a
// thread of their own each. (gRPC's callback API sleeps between polls when a second went by without
// calls; training steps are that far apart, and would see tens of milliseconds more.) Their
// messages are taken and given as bytes, so that what is malformed gets an answer in words; to
// reflection they are the services as generated.
//
//   AsyncService service(methods, environment);
//   service.Register(builder);
//   server = builder.BuildAndStart();
//   service.Start();
//   ...
//   service.StopServing();
//   environment.FinishCalls(deadline);
//   service.EndWatches();
//   server->Shutdown(deadline);
//   service.Stop();
class AsyncService {
 public:
  // The environment must outlive the service.
  AsyncService(std::vector<ServedMethod> methods, CallEnvironment& environment,
               Reflection reflection);
  // If Register() was called, Stop() was too.
  ~AsyncService() = default;
  AsyncService(const AsyncService&) = delete;
  AsyncService& operator=(const AsyncService&) = delete;

  void Register(grpc::ServerBuilder& builder);

  // Begins to answer. The server has started; calls come on `connections`.
  void Start(std::shared_ptr<ConnectionTable> connections);

  // Answers NOT_SERVING from here on to clients that ask for the server's health or watch it.
  void StopServing();

  // Ends the watches of the server's health, and waits for that for a moment. The environment's
  // calls were finished.
  void EndWatches();

  // Waits for a moment until the server has begun to shut down and every call that it took has
  // ended.
  void WaitForCalls();

  // Waits for the calls in flight and ends the threads. The server has shut down, or never started.
  void Stop();

 private:
  void Await(const ServedMethod& method, EventQueue& queue);

  const std::vector<ServedMethod> methods_;
  GrpcCalls calls_;
  HealthService health_;
  std::optional<ReflectionService> reflection_;
  std::vector<std::unique_ptr<EventQueue>> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_ASYNC_SERVICE_H_
