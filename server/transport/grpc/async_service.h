#ifndef LOSSD_SERVER_TRANSPORT_GRPC_ASYNC_SERVICE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_ASYNC_SERVICE_H_

#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "grpcpp/server_builder.h"
#include "server/rpc/method_table.h"
#include "server/transport/grpc/awaited_call.h"

namespace lossd::rpc {

struct AsyncServiceOptions {
  // Threads for requests that are too large to be answered between two events.
  int worker_count = 1;
  // Bytes of requests in flight at once; further ones are refused with UNAVAILABLE.
  int64_t max_in_flight_bytes = int64_t{1} << 30;
  // Batches of one stream in flight at once; the stream reads no further ones.
  int max_stream_window = 16;
  // May be empty.
  CallErrorObserver on_error;
};

// Serves lossd.v1.LossService, and the health service beside it, from completion queues with a
// thread of their own each. (gRPC's callback API sleeps between polls once a second went by without
// calls; training steps are that far apart, and would see tens of milliseconds more.) LossService's
// messages are taken and given as bytes, so that what is malformed gets an answer in words; to
// reflection it is the service as generated.
//
//   AsyncService service(table, options);
//   service.Register(builder);
//   server = builder.BuildAndStart();
//   service.Start();
//   ...
//   service.StopServing();
//   service.Drain(deadline);
//   server->Shutdown(deadline);
//   service.Stop();
class AsyncService {
 public:
  AsyncService(MethodTable table, AsyncServiceOptions options);
  // If Register() was called, Stop() was too.
  ~AsyncService();
  AsyncService(const AsyncService&) = delete;
  AsyncService& operator=(const AsyncService&) = delete;

  void Register(grpc::ServerBuilder& builder);

  // Begins to answer. The server has started.
  void Start();

  // Answers NOT_SERVING from here on to who asks for the server's health or watches it.
  void StopServing();

  // Refuses new calls with UNAVAILABLE from here on, has open streams end after the batches that
  // they have read, and waits for what is in flight and for clients to notice (see Admission). A
  // gRPC server that shuts down under clients that keep calling answers some of them CANCELLED,
  // which nobody tries again; so this comes first. False if calls are in flight still at
  // `deadline`.
  bool Drain(absl::Time deadline);

  // Waits until the server has begun to shut down and every call that it took has ended. False if
  // there is one still at `deadline`.
  bool WaitForCalls(absl::Time deadline);

  // Waits for the calls in flight and ends the threads. The server has shut down, or never started.
  void Stop();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_ASYNC_SERVICE_H_
