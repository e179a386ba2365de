#ifndef LOSSD_SERVER_RPC_HANDLERS_HANDLERS_H_
#define LOSSD_SERVER_RPC_HANDLERS_HANDLERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lossd/v1/loss_service.pb.h"
#include "lossd/v1/run_service.pb.h"
#include "proto/wire/split_message.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/call.h"
#include "server/rpc/handlers/run_recorder.h"
#include "server/rpc/limits.h"
#include "server/rpc/wire/outgoing_tensor.h"
#include "server/runs/run_store.h"

namespace lossd {
class Executor;
}  // namespace lossd

namespace lossd::rpc {

// What GetServerInfo says of a server, beside its limits.
struct ServerDescription {
  std::string version;
  absl::Time start_time = absl::UnixEpoch();
  absl::Duration min_ping_interval = absl::ZeroDuration();
  // By the names that the .proto file has.
  std::vector<std::string> features = {};
  // Returns the bytes in flight now. Any thread.
  std::function<int64_t()> in_flight_bytes = [] { return int64_t{0}; };
};

// The things that handlers work with. Limits and executor must outlive the handlers.
struct HandlerOptions {
  const Limits& limits;
  // Where rows are computed.
  const Executor& executor;
  // Where large tensors are held.
  std::shared_ptr<BufferPool> pool;
  ServerDescription description;
  // Where training runs are kept; null keeps none.
  std::shared_ptr<runs::RunStore> runs = nullptr;
  OnRunFailure on_run_failure = OnRunFailure::kRefuse;
};

// Answers the services' calls: decodes and validates the request, computes, encodes. Knows nothing
// of gRPC. Thread-safe: calls run side by side.
//
// Errors are absl statuses whose payloads are google.rpc.ErrorInfo and google.rpc.BadRequest, as
// made by field_violations.h; a call that was cancelled may answer absl::CancelledError.
class Handlers {
 public:
  explicit Handlers(HandlerOptions options)
      : options_(std::move(options)), recorder_(options_.runs.get(), options_.on_run_failure) {}

  // `payloads` are the bytes of tensors that were left out of `request` when it was parsed.
  absl::StatusOr<ComputeAnswer> Compute(const v1::ComputeRequest& request,
                                        const CallContext& context,
                                        const wire::TensorPayloads& payloads) const;
  absl::StatusOr<v1::CompareResponse> Compare(const v1::CompareRequest& request,
                                              const CallContext& context,
                                              const wire::TensorPayloads& payloads) const;
  absl::StatusOr<v1::ComputeClassWeightsResponse> ComputeClassWeights(
      const v1::ComputeClassWeightsRequest& request, const CallContext& context) const;
  absl::StatusOr<v1::MeasureInformationResponse> MeasureInformation(
      const v1::MeasureInformationRequest& request, const CallContext& context) const;
  absl::StatusOr<v1::ListLossesResponse> ListLosses(const v1::ListLossesRequest& request,
                                                    const CallContext& context) const;
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(const v1::GetServerInfoRequest& request,
                                                          const CallContext& context) const;

  absl::StatusOr<v1::GetRunResponse> GetRun(const v1::GetRunRequest& request,
                                            const CallContext& context) const;
  absl::StatusOr<std::unique_ptr<AnswerSource>> WatchRun(const v1::WatchRunRequest& request,
                                                         const CallContext& context) const;
  absl::StatusOr<v1::ListRunsResponse> ListRuns(const v1::ListRunsRequest& request,
                                                const CallContext& context) const;
  absl::StatusOr<v1::DeleteRunResponse> DeleteRun(const v1::DeleteRunRequest& request,
                                                  const CallContext& context) const;
  absl::StatusOr<v1::ListRunSamplesResponse> ListRunSamples(
      const v1::ListRunSamplesRequest& request, const CallContext& context) const;
  absl::StatusOr<std::unique_ptr<AnswerSource>> ExportRunSamples(
      const v1::ExportRunSamplesRequest& request, const CallContext& context) const;

  // Returns how many batches were answered though their run could not take them.
  uint64_t unrecorded_batches() const { return recorder_.unrecorded(); }

 private:
  HandlerOptions options_;
  RunRecorder recorder_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_HANDLERS_HANDLERS_H_
