#ifndef LOSSD_TESTS_SERVER_RPC_HANDLERS_CALL_HANDLERS_H_
#define LOSSD_TESTS_SERVER_RPC_HANDLERS_CALL_HANDLERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/text_format.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/rpc/handlers/handlers.h"
#include "server/threads/executor.h"

namespace lossd::rpc {

// Handlers as the server makes them, on the calling thread.
class CallHandlers {
 public:
  explicit CallHandlers(int64_t max_message_bytes = int64_t{64} << 20)
      : handlers_(Options(executor_, max_message_bytes)) {}

  const Handlers& operator*() const { return handlers_; }
  const Handlers* operator->() const { return &handlers_; }

 private:
  static HandlerOptions Options(const Executor& executor, int64_t max_message_bytes) {
    HandlerOptions options;
    options.thread_count = 1;
    options.max_message_bytes = max_message_bytes;
    options.executor = &executor;
    options.version = "1.2.3";
    return options;
  }

  Executor executor_{1};
  Handlers handlers_;
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
