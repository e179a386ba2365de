#include "server/observe/call_error_log.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lossd::observe {
namespace {

void Write(const Log& log, const rpc::CallInfo& call, const absl::Status& error) {
  const LogLevel level = absl::IsInternal(error) ? LogLevel::kError : LogLevel::kWarning;
  const std::string code = absl::StatusCodeToString(error.code());
  LogFields fields = {{"method", call.method()}, {"code", code}, {"error", error.message()}};
  std::string kind = absl::StrCat(call.method(), " ", code);
  if (call.caller() != nullptr) {
    fields.emplace_back("token", call.caller()->name);
    if (!absl::IsInternal(error)) absl::StrAppend(&kind, " ", call.caller()->name);
  }
  // Nothing else says whose the call was.
  if (absl::IsUnauthenticated(error)) fields.emplace_back("peer", call.Peer());
  if (!call.Id().empty()) fields.emplace_back("call_id", call.Id());
  log.WriteRepeated(kind, level, "call failed", std::move(fields));
}

}  // namespace

void CallErrorLog::MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                                   const rpc::CallCosts& /*costs*/,
                                   const rpc::CallNotes& /*notes*/) {
  if (!status.ok()) Write(log_, call, status);
}

void CallErrorLog::Ended(const rpc::CallInfo& call, const absl::Status& status,
                         const rpc::CallCosts& /*costs*/) {
  if (!status.ok()) Write(log_, call, status);
}

}  // namespace lossd::observe
