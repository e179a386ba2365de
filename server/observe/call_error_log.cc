#include "server/observe/call_error_log.h"

#include <string>

namespace lossd::observe {
namespace {

void Write(const Log& log, const rpc::CallInfo& call, const absl::Status& error) {
  const LogLevel level = absl::IsInternal(error) ? LogLevel::kError : LogLevel::kWarning;
  log.Write(level, "call failed",
            {{"method", std::string(call.method())},
             {"code", absl::StatusCodeToString(error.code())},
             {"error", std::string(error.message())}});
}

}  // namespace

void CallErrorLog::MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                                   const rpc::CallCosts& /*costs*/) {
  if (!status.ok()) Write(log_, call, status);
}

void CallErrorLog::Ended(const rpc::CallInfo& call, const absl::Status& status,
                         const rpc::CallCosts& /*costs*/) {
  if (!status.ok()) Write(log_, call, status);
}

}  // namespace lossd::observe
