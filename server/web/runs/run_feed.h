#ifndef LOSSD_SERVER_WEB_RUNS_RUN_FEED_H_
#define LOSSD_SERVER_WEB_RUNS_RUN_FEED_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/rpc/caller.h"
#include "server/threads/mutex.h"
#include "server/web/runs/run_call.h"

namespace lossd::web {

// Tells watchers of the runs whenever these have changed, as server-sent events. What a watcher has
// not read is not kept for it: the next event it gets has all that is new. Thread-safe.
class RunFeed {
 public:
  static constexpr int kMostWatchers = 16;

  // The runs are looked at so often at most, once for all watchers of a caller.
  explicit RunFeed(RunCalls calls,
                   std::chrono::milliseconds interval = std::chrono::milliseconds(1000))
      : calls_(std::move(calls)), interval_(interval) {}

  // Returns what an event stream goes on with, as PageContent has it: `event: runs` with
  // ListRunsResponse in JSON, runs without their maps and histograms, when a run has changed;
  // `event: error` with what a page of that error has; a comment where there was nothing for a
  // while, which finds those who have left. Ends when the caller's token is revoked and when
  // `serving` returns false. RESOURCE_EXHAUSTED for one watcher too many. The feed must outlive
  // the stream.
  absl::StatusOr<std::function<std::optional<std::string>()>> Watch(
      std::shared_ptr<const rpc::Caller> caller, std::function<bool()> serving);

 private:
  using Clock = std::chrono::steady_clock;
  class Watcher;

  struct Look {
    Clock::time_point at;
    std::string event;
  };

  // Returns the event of the runs of a caller as they are now, or were a moment ago.
  std::string Event(const std::shared_ptr<const rpc::Caller>& caller);
  std::string LookAtRuns(const std::shared_ptr<const rpc::Caller>& caller) const;

  const RunCalls calls_;
  const std::chrono::milliseconds interval_;
  std::atomic<int> watchers_ = 0;
  Mutex mutex_;
  // By the caller's number, 0 for none.
  std::unordered_map<uint64_t, Look> looks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_RUN_FEED_H_
