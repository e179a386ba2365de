#ifndef LOSSD_SERVER_RUNS_JOURNAL_RUN_IMAGE_H_
#define LOSSD_SERVER_RUNS_JOURNAL_RUN_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/runs/journal/batch_coding.h"
#include "server/runs/journal/run_journal.h"
#include "server/runs/run_kind.h"
#include "server/runs/run_totals.h"
#include "server/runs/sample_order.h"
#include "server/runs/sample_table.h"

namespace lossd::runs {

// A run of a journal in memory: its snapshot, and the batches since. First the chunks are read by
// their index, then the state, which has no fewer batches then, whoever writes meanwhile, and then
// the batches by their number. Not thread-safe.
class RunImage {
 public:
  // `trimmed`: the first batch that comes is the one behind it.
  RunImage(const RunKind& kind, int64_t trimmed);

  // Read a part of a snapshot. DATA_LOSS where it is damaged.
  absl::Status ReadChunk(const RecordChunk& chunk);
  absl::Status ReadState(absl::string_view state);

  // Returns what the first kSummaryBytes of a state say of its run, without its name and times.
  // DATA_LOSS where they are damaged.
  static absl::StatusOr<Run> SummaryOf(const RunKind& kind, absl::string_view state);
  static constexpr int64_t kSummaryBytes = 1 + RunTotals::kSummaryBytes;

  // Adds the batch behind number(). After an error, or an exception, the image is of no use.
  absl::Status Add(const JournaledBatch& batch);
  int64_t number() const { return number_; }

  // Returns whether the batches up to `number` are in all of it.
  bool Has(int64_t number) const;

  const RunTotals& totals() const { return totals_; }
  const SampleTable& samples() const { return samples_; }

  // Takes out what has changed since it was last written, from the chunk `begin` on and up to about
  // `most_bytes`, and moves `begin` behind it: at the end to that of all chunks.
  SnapshotPart TakePart(int64_t& begin, int64_t most_bytes);
  // Notes that a part could not be written.
  void PutBack(const SnapshotPart& part);

  int64_t bytes() const { return samples_.bytes() + totals_.bytes(); }
  // Returns how many of the samples are not there.
  int64_t CountMissing(const CodedBatch& batch);
  // Returns what a snapshot takes of a run that has so many samples.
  static int64_t BytesOfSamples(int64_t count);

 private:
  int64_t ChunkCount() const;
  // Calls f with the presentations and their records, a block at a time.
  template <typename F>
  void ForEachBlockOf(const CodedBatch& batch, F f);
  void Add(const CodedBatch& batch, int64_t step);
  // Adds to those chunks that do not have the batch what the state has already.
  void AddToOldChunks(const CodedBatch& batch, int64_t step);
  void Reserve(const CodedBatch& batch);

  RunKind kind_;
  int64_t number_;
  RunTotals totals_;
  SampleTable samples_;
  std::vector<int64_t> chunk_numbers_;  // of each chunk that was read, the batches that it has
  std::vector<bool> changed_;           // of each chunk
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_JOURNAL_RUN_IMAGE_H_
