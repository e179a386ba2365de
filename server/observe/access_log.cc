#include "server/observe/access_log.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/observe/trace_parent.h"

namespace lossd::observe {
namespace {

int64_t Microseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

void AddNotes(const rpc::CallNotes& notes, LogFields& fields) {
  if (!notes.losses.empty()) fields.emplace_back("losses", absl::StrJoin(notes.losses, ","));
  if (notes.shape.empty()) return;
  fields.emplace_back("shape", absl::StrCat("[", absl::StrJoin(notes.shape, ", "), "]"));
}

void AddTrace(const rpc::CallInfo& call, LogFields& fields) {
  const std::optional<absl::string_view> header = call.Metadata("traceparent");
  if (!header) return;
  std::optional<TraceParent> parent = ParseTraceParent(*header);
  if (!parent) return;
  fields.emplace_back("trace_id", std::move(parent->trace_id));
  fields.emplace_back("parent_id", std::move(parent->parent_id));
}

}  // namespace

void AccessLog::Ended(const rpc::CallInfo& call, const absl::Status& status,
                      const rpc::CallCosts& costs) {
  if (!log_.Writes(LogLevel::kInfo)) return;
  LogFields fields = {{"call_id", call.Id()},
                      {"peer", call.Peer()},
                      {"method", call.method()},
                      {"code", absl::StatusCodeToString(status.code())}};
  if (call.caller() != nullptr) fields.emplace_back("token", call.caller()->name);
  AddNotes(call.Notes(), fields);
  fields.emplace_back("messages", costs.messages);
  fields.emplace_back("failed_messages", costs.failed_messages);
  fields.emplace_back("request_bytes", costs.request_bytes);
  fields.emplace_back("response_bytes", costs.response_bytes);
  fields.emplace_back("queued_us", Microseconds(costs.queued));
  fields.emplace_back("computing_us", Microseconds(costs.computing));
  AddTrace(call, fields);
  log_.Write(LogLevel::kInfo, "call", std::move(fields));
}

}  // namespace lossd::observe
