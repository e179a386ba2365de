#ifndef LOSSD_SERVER_RUNS_RUN_KIND_H_
#define LOSSD_SERVER_RUNS_RUN_KIND_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/runs/run_batch.h"

namespace lossd::runs {

// What all batches of a run have in common: the first decides.
struct RunKind {
  std::string owner;
  int64_t class_count = 0;
  double hard_threshold = 0.5;
};

RunKind KindOf(const RunBatch& batch);

// Returns an error, as RunStore::Record has it, unless a batch of the kind `actual` is one of a run
// of the kind `expected`.
absl::Status CheckKind(absl::string_view run, const RunKind& actual, const RunKind& expected);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_RUN_KIND_H_
