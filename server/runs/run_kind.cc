#include "server/runs/run_kind.h"

#include "absl/strings/str_cat.h"

namespace lossd::runs {

RunKind KindOf(const RunBatch& batch) {
  return {std::string(batch.owner), batch.class_count, batch.hard_threshold};
}

absl::Status CheckKind(absl::string_view run, const RunKind& actual, const RunKind& expected) {
  if (actual.owner != expected.owner) {
    return absl::PermissionDeniedError(absl::StrCat("run '", run, "' belongs to another token"));
  }
  if (actual.class_count != expected.class_count) {
    return absl::FailedPreconditionError(
        absl::StrCat("run '", run, "' has batches of ", expected.class_count,
                     " classes, and this one has ", actual.class_count));
  }
  if (actual.hard_threshold != expected.hard_threshold) {
    return absl::FailedPreconditionError(
        absl::StrCat("run '", run, "' has the hard_threshold ", expected.hard_threshold,
                     ", and this batch has ", actual.hard_threshold));
  }
  return absl::OkStatus();
}

}  // namespace lossd::runs
