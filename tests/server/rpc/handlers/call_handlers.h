#ifndef LOSSD_TESTS_SERVER_RPC_HANDLERS_CALL_HANDLERS_H_
#define LOSSD_TESTS_SERVER_RPC_HANDLERS_CALL_HANDLERS_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/handlers/run_recorder.h"
#include "server/rpc/wire/outgoing_tensor.h"
#include "server/runs/memory_store.h"
#include "server/threads/executor.h"

namespace lossd::rpc {

// Returns the tensor in field `number` of the response, which must be a tensor's field.
inline v1::Tensor& MutableTensor(v1::ComputeResponse& response, int number) {
  const auto* field = v1::ComputeResponse::descriptor()->FindFieldByNumber(number);
  return *google::protobuf::DynamicCastToGenerated<v1::Tensor>(
      v1::ComputeResponse::GetReflection()->MutableMessage(&response, field));
}

// Returns the response in one piece.
inline v1::ComputeResponse WholeMessage(ComputeAnswer answer) {
  for (OutgoingTensor& outgoing : answer.tensors) {
    v1::Tensor& tensor = MutableTensor(answer.message, outgoing.field_number);
    tensor = std::move(outgoing.tensor);
    std::string& data = *tensor.mutable_data();
    for (const Buffer& buffer : outgoing.data) {
      data.append(static_cast<const char*>(buffer.data()), buffer.size());
    }
  }
  return std::move(answer.message);
}

// Handlers that take requests and give responses in one piece.
class WholeMessageHandlers final : public Handlers {
 public:
  using Handlers::Handlers;

  absl::StatusOr<v1::ComputeResponse> Compute(const v1::ComputeRequest& request,
                                              const CallContext& context) const {
    auto answer = Handlers::Compute(request, context, {});
    if (!answer.ok()) return answer.status();
    return WholeMessage(*std::move(answer));
  }
  absl::StatusOr<v1::CompareResponse> Compare(const v1::CompareRequest& request,
                                              const CallContext& context) const {
    return Handlers::Compare(request, context, {});
  }
};

// Handlers as the server makes them, which compute on the calling thread.
class CallHandlers {
 public:
  explicit CallHandlers(int64_t max_message_bytes = int64_t{64} << 20)
      : limits_{max_message_bytes},
        handlers_({limits_, executor_, BufferPool::Create(static_cast<size_t>(max_message_bytes)),
                   SomeDescription(), runs_}) {}

  const WholeMessageHandlers& operator*() const { return handlers_; }
  const WholeMessageHandlers* operator->() const { return &handlers_; }

 private:
  static ServerDescription SomeDescription() {
    return {"1.2.3",
            absl::FromUnixMillis(1'800'000'000'250),
            absl::Milliseconds(1500),
            {"tokens", "compressed_requests"},
            [] { return int64_t{77}; }};
  }

  Limits limits_;
  Executor executor_{1};
  const std::shared_ptr<runs::RunStore> runs_ =
      std::make_shared<runs::MemoryStore>(runs::MemoryStoreOptions());
  WholeMessageHandlers handlers_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_HANDLERS_CALL_HANDLERS_H_
