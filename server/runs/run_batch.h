#ifndef LOSSD_SERVER_RUNS_RUN_BATCH_H_
#define LOSSD_SERVER_RUNS_RUN_BATCH_H_

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/runs/presentation.h"

namespace lossd::runs {

// A batch of a run, as it is recorded. Its fields are valid: checked where they enter the server.
struct RunBatch {
  absl::string_view run;
  // Whose it is: a token's name, or empty. Of the whole run, too: the first batch decides.
  absl::string_view owner;
  absl::string_view request_id;
  // Of the whole run: the first batch decides.
  int64_t class_count = 0;
  double hard_threshold = 0.5;
  // Unset: the number of batches that were recorded before.
  std::optional<int64_t> step = {};
  // Unset: the n-th presentation of a sample is of its epoch n.
  std::optional<int64_t> epoch = {};
  std::optional<double> learning_rate = {};

  int64_t sample_count = 0;
  // Writes the presentations of the samples from `begin` on, in their order. May be called more
  // than once.
  absl::FunctionRef<void(int64_t begin, absl::Span<Presentation> out)> read;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_RUN_BATCH_H_
