#include "server/web/runs/run_feed.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lossd/v1/runs.pb.h"
#include "server/web/runs/run_json.h"

namespace lossd::web {
namespace {

// What a watcher of more runs is not told.
constexpr int kMostRuns = 1000;

constexpr std::chrono::seconds kQuiet{15};

std::string EventOf(absl::string_view name, absl::string_view json) {
  return absl::StrCat("event: ", name, "\ndata: ", json, "\n\n");
}

}  // namespace

// One who watches, counted while it is there.
class RunFeed::Watcher {
 public:
  Watcher(RunFeed& feed, std::shared_ptr<const rpc::Caller> caller, std::function<bool()> serving)
      : feed_(feed), caller_(std::move(caller)), serving_(std::move(serving)) {}
  ~Watcher() { --feed_.watchers_; }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  std::optional<std::string> Next() {
    if (!serving_() || (caller_ != nullptr && caller_->revoked)) return std::nullopt;
    std::string event = feed_.Event(caller_);
    const Clock::time_point now = Clock::now();
    if (event != told_) {
      told_ = event;
      last_ = now;
      return event;
    }
    if (now - last_ < kQuiet) return "";
    last_ = now;
    return ":\n\n";
  }

 private:
  RunFeed& feed_;
  const std::shared_ptr<const rpc::Caller> caller_;
  const std::function<bool()> serving_;
  std::string told_;
  Clock::time_point last_;
};

absl::StatusOr<std::function<std::optional<std::string>()>> RunFeed::Watch(
    std::shared_ptr<const rpc::Caller> caller, std::function<bool()> serving) {
  if (++watchers_ > kMostWatchers) {
    --watchers_;
    return absl::ResourceExhaustedError(
        absl::StrCat("as many watch as may, ", kMostWatchers, ": ask again now and then"));
  }
  auto watcher = std::make_shared<Watcher>(*this, std::move(caller), std::move(serving));
  return [watcher = std::move(watcher)] { return watcher->Next(); };
}

std::string RunFeed::Event(const std::shared_ptr<const rpc::Caller>& caller) {
  const uint64_t number = caller == nullptr ? 0 : caller->number;
  const Clock::time_point now = Clock::now();
  // Held while the runs are listed: watchers ask the store one at a time.
  const MutexLock lock(&mutex_);
  // What nobody watches any more is not kept.
  for (auto one = looks_.begin(); one != looks_.end();) {
    one = now - one->second.at > interval_ + kQuiet ? looks_.erase(one) : std::next(one);
  }
  Look& look = looks_[number];
  if (look.event.empty() || now - look.at >= interval_) look = {now, LookAtRuns(caller)};
  return look.event;
}

std::string RunFeed::LookAtRuns(const std::shared_ptr<const rpc::Caller>& caller) const {
  v1::ListRunsRequest request;
  request.set_page_size(kMostRuns);
  const auto answer = calls_({"ListRuns", request.SerializeAsString(), caller});
  if (!answer.ok()) return EventOf("error", JsonPage(answer.status()).text);
  v1::ListRunsResponse runs;
  if (!runs.ParseFromString(*answer)) {
    return EventOf("error", JsonPage(absl::InternalError("the answer is no message")).text);
  }
  for (v1::Run& run : *runs.mutable_runs()) {
    run.clear_map();
    run.clear_forgetting_histogram();
  }
  return EventOf("runs", ToJson(runs));
}

}  // namespace lossd::web
