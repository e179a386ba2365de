#ifndef LOSSD_TESTS_SERVER_RPC_HANDLERS_CALL_HANDLERS_H_
#define LOSSD_TESTS_SERVER_RPC_HANDLERS_CALL_HANDLERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/text_format.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/wire/outgoing_tensor.h"
#include "server/threads/executor.h"

namespace lossd::rpc {

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
                   "1.2.3"}) {}

  const WholeMessageHandlers& operator*() const { return handlers_; }
  const WholeMessageHandlers* operator->() const { return &handlers_; }

 private:
  Limits limits_;
  Executor executor_{1};
  WholeMessageHandlers handlers_;
};

// The message that `text`, in protobuf's text format, says.
template <class Message>
Message FromText(absl::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

// "path description" of every violation that the status lists.
inline std::vector<std::string> Violations(const absl::Status& status) {
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  google::rpc::BadRequest bad_request;
  if (!payload || !bad_request.ParseFromString(std::string(*payload))) return {};
  std::vector<std::string> violations;
  for (const auto& violation : bad_request.field_violations()) {
    violations.push_back(violation.field() + " " + violation.description());
  }
  return violations;
}

inline google::rpc::ErrorInfo ErrorInfoOf(const absl::Status& status) {
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo info;
  if (payload) info.ParseFromString(std::string(*payload));
  return info;
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_HANDLERS_CALL_HANDLERS_H_
