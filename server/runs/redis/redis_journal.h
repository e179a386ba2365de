#ifndef LOSSD_SERVER_RUNS_REDIS_REDIS_JOURNAL_H_
#define LOSSD_SERVER_RUNS_REDIS_REDIS_JOURNAL_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/runs/journal/run_journal.h"
#include "server/runs/redis/redis_address.h"
#include "server/runs/redis/redis_nodes.h"
#include "server/threads/mutex.h"

namespace lossd::runs {

struct RedisOptions {
  RedisAddress address;
  // Requests that a run remembers.
  int64_t request_ids = 1'000'000;
};

// A journal in Redis 7, which several processes may have at once. The keys of a run have its name
// in braces, so that a cluster has them on one node:
//
//   lossd:{run}:head      a hash: what a JournaledRun has
//   lossd:{run}:batches   a hash: batches by their numbers
//   lossd:{run}:requests  a sorted set: the hashes of requests by the numbers of their batches
//   lossd:{run}:state     the state of the snapshot
//   lossd:{run}:chunks    a hash: the numbers of batches that they have, and records, by their
//                         indices
//   lossd:runs            a sorted set: the names of all runs, and of some that are no more
class RedisJournal final : public RunJournal {
 public:
  // Calls nobody: Redis may be there later.
  explicit RedisJournal(const RedisOptions& options);

  // Returns whether Redis writes a log of what it has, from which it reads that again when it is
  // restarted.
  absl::StatusOr<bool> AppendsToFile();
  // Returns whether Redis deletes any keys, those of runs, too, when it has no memory left.
  absl::StatusOr<bool> MayEvict();

  absl::StatusOr<int64_t> Append(const NewBatch& batch) override;
  int64_t most_batch_bytes() const override { return kMostBatchBytes; }
  absl::StatusOr<JournaledRun> Find(absl::string_view name) override;
  absl::StatusOr<std::vector<JournaledRun>> List(absl::string_view after, int64_t limit) override;
  absl::Status Delete(const JournaledRun& run) override;
  absl::StatusOr<std::vector<JournaledBatch>> ReadBatches(const JournaledRun& run, int64_t after,
                                                          int64_t most_bytes) override;
  absl::StatusOr<std::string> ReadState(const JournaledRun& run, int64_t most_bytes) override;
  absl::Status ReadChunks(const JournaledRun& run,
                          absl::FunctionRef<absl::Status(const RecordChunk&)> show) override;
  absl::Status Write(const JournaledRun& run, const SnapshotPart& part) override;

 private:
  // Of its proto-max-bulk-len, unless that is set.
  static constexpr int64_t kMostBatchBytes = int64_t{512} << 20;

  // Adds the name to the list of runs, unless this process has done so.
  absl::Status AddName(absl::string_view run) ABSL_LOCKS_EXCLUDED(mutex_);
  void ForgetName(absl::string_view run) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<std::string>> ListNames(absl::string_view after, int64_t limit);
  absl::Status Trim(const JournaledRun& run, int64_t trim);
  uint64_t MakeId() ABSL_LOCKS_EXCLUDED(mutex_);

  const RedisOptions options_;
  RedisNodes nodes_;
  Mutex mutex_;
  std::set<std::string, std::less<>> names_ ABSL_GUARDED_BY(mutex_);
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REDIS_REDIS_JOURNAL_H_
