#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_SERVER_CONTEXT_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_SERVER_CONTEXT_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/completion_queue.h"
#include "tests/server/transport/without_grpc/memory_call.h"

struct grpc_call;

namespace grpc {

using string_ref = absl::string_view;

class ServerContext {
 public:
  void AsyncNotifyWhenDone(void* tag) { done_tag_ = tag; }
  std::chrono::system_clock::time_point deadline() const {
    return absl::ToChronoTime(call_->deadline());
  }
  bool IsCancelled() const { return call_->IsCancelled(); }
  void TryCancel() const { std::shared_ptr(call_)->Cancel(); }
  grpc_call* c_call() const { return reinterpret_cast<grpc_call*>(call_.get()); }
  std::string peer() const { return "memory"; }
  void AddTrailingMetadata(const std::string& /*key*/, const std::string& /*value*/) {}
  const std::multimap<string_ref, string_ref>& client_metadata() const { return metadata_; }

  // Makes it the context of a call that has come.
  void Begin(std::shared_ptr<lossd::MemoryCall> call, CompletionQueue& queue) {
    call_ = std::move(call);
    call_->Begin(queue, done_tag_);
  }
  // An operation keeps the call: its event, and with it the end of this context, may come before
  // the operation returns.
  std::shared_ptr<lossd::MemoryCall> call() { return call_; }

 private:
  void* done_tag_ = nullptr;
  std::shared_ptr<lossd::MemoryCall> call_;
  std::multimap<string_ref, string_ref> metadata_;
};

}  // namespace grpc

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_SERVER_CONTEXT_H_
