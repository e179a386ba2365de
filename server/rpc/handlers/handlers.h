#ifndef LOSSD_SERVER_RPC_HANDLERS_HANDLERS_H_
#define LOSSD_SERVER_RPC_HANDLERS_HANDLERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lossd/v1/loss_service.pb.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/wire/outgoing_tensor.h"
#include "server/rpc/wire/split_message.h"

namespace lossd {
class Executor;
}  // namespace lossd

namespace lossd::rpc {

// What a handler may know about the call that it answers.
struct CallContext {
  // True once nobody waits for the answer: the client cancelled the call or went away, or its
  // deadline passed. Cheap, callable from any thread while the handler runs; never empty when the
  // server makes the call.
  std::function<bool()> cancelled = [] { return false; };
};

struct HandlerOptions {
  // Threads that compute; GetServerInfo reports it.
  int thread_count = 1;
  // The largest request and the largest response, serialized. A handler that can tell the size of
  // its response beforehand refuses before it computes.
  int64_t max_message_bytes = int64_t{64} << 20;
  // Requests that may be in flight at once, in bytes of them; GetServerInfo reports it.
  int64_t max_in_flight_bytes = int64_t{1} << 30;
  // Batches of one ComputeStream in flight at once; GetServerInfo reports it.
  int max_stream_window = 16;
  // Where rows are computed. Required; not owned.
  const Executor* executor = nullptr;
  // Where large tensors are held; a null one stands for a pool of the handlers' own.
  std::shared_ptr<BufferPool> pool = nullptr;
  std::string version;
};

// Answers the service's unary calls: decodes and validates the request, computes, encodes. Knows
// nothing of gRPC. Thread-safe: calls run side by side.
//
// Errors are absl statuses whose payloads are google.rpc.ErrorInfo and google.rpc.BadRequest, as
// made by field_violations.h; a call that was cancelled may answer absl::CancelledError.
class Handlers {
 public:
  explicit Handlers(HandlerOptions options);

  // `payloads` are tensors' bytes that were taken out of the request when it was received.
  absl::StatusOr<ComputeAnswer> AnswerCompute(const v1::ComputeRequest& request,
                                              const CallContext& context,
                                              const TensorPayloads& payloads) const;
  // The same for a request and a response in one piece.
  absl::StatusOr<v1::ComputeResponse> Compute(const v1::ComputeRequest& request,
                                              const CallContext& context) const;
  absl::StatusOr<v1::CompareResponse> Compare(const v1::CompareRequest& request,
                                              const CallContext& context,
                                              const TensorPayloads& payloads = {}) const;
  absl::StatusOr<v1::ComputeClassWeightsResponse> ComputeClassWeights(
      const v1::ComputeClassWeightsRequest& request, const CallContext& context) const;
  absl::StatusOr<v1::MeasureInformationResponse> MeasureInformation(
      const v1::MeasureInformationRequest& request, const CallContext& context) const;
  absl::StatusOr<v1::ListLossesResponse> ListLosses(const v1::ListLossesRequest& request,
                                                    const CallContext& context) const;
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(const v1::GetServerInfoRequest& request,
                                                          const CallContext& context) const;

 private:
  HandlerOptions options_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_HANDLERS_HANDLERS_H_
