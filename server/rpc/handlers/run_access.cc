#include "server/rpc/handlers/run_access.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/errors/status.h"

namespace lossd::rpc {

absl::Status CheckRunsKept(const runs::RunStore* store) {
  if (store != nullptr) return absl::OkStatus();
  return WithErrorInfo(absl::FailedPreconditionError("this server keeps no runs (--runs none)"),
                       "NO_RUNS");
}

absl::Status RunError(const absl::Status& error) {
  if (absl::IsNotFound(error)) return WithErrorInfo(error, "NO_SUCH_RUN");
  if (!absl::IsUnavailable(error)) return error;
  return Unavailable(absl::StrCat("the store of runs does not answer: ", error.message()),
                     "RUNS_UNAVAILABLE", kRunRetryDelay);
}

}  // namespace lossd::rpc
