#ifndef LOSSD_SERVER_RUNS_JOURNAL_BATCH_CODING_H_
#define LOSSD_SERVER_RUNS_JOURNAL_BATCH_CODING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/runs/presentation.h"
#include "server/runs/run_batch.h"

namespace lossd::runs {

// What a journal keeps of a batch: all that its run's numbers depend on.
struct CodedBatch {
  std::optional<int64_t> step;
  std::optional<int64_t> epoch;
  std::optional<double> learning_rate;
  int64_t non_finite = 0;
  std::vector<Presentation> presentations;  // that are finite and not ignored
};

// Returns the bytes of a batch: columns, each as narrow as its numbers allow without a change. 22
// to 46 bytes for each presentation.
std::string EncodeBatch(const RunBatch& batch);

// Returns the memory that it takes to encode a batch of so many samples, or to decode or send what
// became of it, at most.
int64_t BytesOfCoding(int64_t sample_count);

// Returns the batch of such bytes, and DATA_LOSS where they are none.
absl::StatusOr<CodedBatch> DecodeBatch(absl::string_view bytes);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_JOURNAL_BATCH_CODING_H_
