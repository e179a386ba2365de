#ifndef LOSSD_SERVER_WEB_RUNS_RUN_CALL_H_
#define LOSSD_SERVER_WEB_RUNS_RUN_CALL_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/rpc/caller.h"

namespace lossd::web {

// A call of lossd.v1.RunService on behalf of who looks at the page.
struct RunCall {
  absl::string_view method;  // such as "GetRun"
  std::string request;       // serialized
  // Who asks; null where nobody needs a token.
  std::shared_ptr<const rpc::Caller> caller = nullptr;
  // Returns true when nobody waits for the answer any more.
  std::function<bool()> cancelled = [] { return false; };
};

// Answers a call with the serialized response, or as a transport's call would be refused. Any
// thread.
using RunCalls = std::function<absl::StatusOr<std::string>(const RunCall& call)>;

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_RUN_CALL_H_
