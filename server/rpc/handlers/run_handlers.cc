#include <optional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/loss/work.h"
#include "server/rpc/decode/run_decoder.h"
#include "server/rpc/encode/run_encoder.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/handlers/asked_work.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/handlers/run_access.h"
#include "server/rpc/handlers/run_pages.h"
#include "server/runs/patience.h"

namespace lossd::rpc {
namespace {

constexpr int64_t kMostPoints = 512;
// A point of 64 classes, as the store and as the message have it.
constexpr double kBytesOfPoint = 6 << 10;
constexpr int64_t kUsualRuns = 100;
constexpr int64_t kMostRuns = 1000;

constexpr absl::Duration kUsualInterval = absl::Seconds(1);
constexpr absl::Duration kLeastInterval = absl::Milliseconds(100);
constexpr absl::Duration kMostInterval = absl::Hours(1);

loss::Work WorkOfRun(int64_t points) {
  return {kSlowStoreOperations, kMostRunBytes + kBytesOfPoint * static_cast<double>(points)};
}

// Returns the name after checking it.
absl::StatusOr<std::string> DecodeName(const std::string& name) {
  FieldViolations violations;
  CheckRunName(name, Field(violations)["run"]);
  if (!violations.empty()) return violations.ToStatus();
  return name;
}

absl::StatusOr<int64_t> DecodeMostPoints(const v1::GetRunRequest& request) {
  FieldViolations violations;
  const Field root(violations);
  CheckRunName(request.run(), root["run"]);
  if (request.max_points() < 0 || request.max_points() > kMostPoints) {
    root["max_points"].Refuse("= ", request.max_points(), ", expected an integer in [0, ",
                              kMostPoints, "]");
  }
  if (!violations.empty()) return violations.ToStatus();
  return request.max_points() == 0 ? kMostPoints : request.max_points();
}

absl::StatusOr<absl::Duration> DecodeInterval(const v1::WatchRunRequest& request) {
  FieldViolations violations;
  const Field root(violations);
  CheckRunName(request.run(), root["run"]);
  absl::Duration interval = kUsualInterval;
  if (request.has_min_interval()) {
    const auto& given = request.min_interval();
    interval = absl::Seconds(given.seconds()) + absl::Nanoseconds(given.nanos());
    if (interval < kLeastInterval || interval > kMostInterval) {
      root["min_interval"].Refuse("= ", absl::FormatDuration(interval), ", expected 100 ms to 1 h");
    }
  }
  if (!violations.empty()) return violations.ToStatus();
  return interval;
}

// Tells of a run whenever it has changed.
class RunWatch final : public AnswerSource {
 public:
  RunWatch(std::shared_ptr<runs::RunStore> store, const Limits& limits, std::string run,
           absl::Duration interval)
      : store_(std::move(store)), limits_(limits), run_(std::move(run)), interval_(interval) {}

  absl::StatusOr<Next> Make(const CallContext& context) override {
    const runs::Patience patience(context.cancelled);
    const absl::Time now = absl::Now();
    // A clock that is set back ends the wait.
    const absl::Duration since = now - last_;
    if (told_ && since >= absl::ZeroDuration() && since < interval_) {
      return AskLater{interval_ - since};
    }
    const runs::RunViewer viewer = ViewerOf(context.caller);
    const auto version = store_->GetVersion(run_, viewer);
    if (!version.ok()) return RunError(version.status());
    if (told_ && *told_ == *version) return AskLater{interval_};
    absl::Status admitted = AskedWork(limits_, context).Ask(WorkOfRun(kMostPoints));
    if (!admitted.ok()) return admitted;
    const auto run = store_->Get(run_, viewer, kMostPoints);
    if (!run.ok()) return RunError(run.status());
    v1::WatchRunResponse response;
    EncodeRun(*run, *response.mutable_run());
    auto message = SerializeMessage(response, limits_.max_message_bytes);
    if (!message.ok()) return message.status();
    told_ = *version;
    last_ = now;
    return *std::move(message);
  }

 private:
  const std::shared_ptr<runs::RunStore> store_;
  const Limits& limits_;
  const std::string run_;
  const absl::Duration interval_;
  std::optional<runs::RunVersion> told_;  // at `last_`
  absl::Time last_;
};

}  // namespace

absl::StatusOr<v1::GetRunResponse> Handlers::GetRun(const v1::GetRunRequest& request,
                                                    const CallContext& context) const {
  const auto most_points = DecodeMostPoints(request);
  if (!most_points.ok()) return most_points.status();
  absl::Status may = CheckRunsKept(options_.runs.get());
  if (may.ok()) may = AskedWork(options_.limits, context).Ask(WorkOfRun(*most_points));
  if (!may.ok()) return may;
  const auto run = options_.runs->Get(request.run(), ViewerOf(context.caller), *most_points);
  if (!run.ok()) return RunError(run.status());
  v1::GetRunResponse response;
  EncodeRun(*run, *response.mutable_run());
  return response;
}

absl::StatusOr<std::unique_ptr<AnswerSource>> Handlers::WatchRun(const v1::WatchRunRequest& request,
                                                                 const CallContext&) const {
  const auto interval = DecodeInterval(request);
  if (!interval.ok()) return interval.status();
  absl::Status kept = CheckRunsKept(options_.runs.get());
  if (!kept.ok()) return kept;
  return std::make_unique<RunWatch>(options_.runs, options_.limits, request.run(), *interval);
}

absl::StatusOr<v1::ListRunsResponse> Handlers::ListRuns(const v1::ListRunsRequest& request,
                                                        const CallContext& context) const {
  FieldViolations violations;
  const Field root(violations);
  const int64_t size = PageSize(request.page_size(), kUsualRuns, kMostRuns, kMostRunBytes,
                                options_.limits.max_message_bytes, root["page_size"]);
  const std::string after = DecodeRunPageToken(request.page_token(), root["page_token"]);
  if (!violations.empty()) return violations.ToStatus();
  absl::Status may = CheckRunsKept(options_.runs.get());
  const double bytes = 2.0 * kMostRunBytes * static_cast<double>(size);
  if (may.ok()) {
    may = AskedWork(options_.limits, context).Ask({kSlowStoreOperations + bytes, bytes});
  }
  if (!may.ok()) return may;
  // One more than asked for: it tells that there are more.
  const auto runs = options_.runs->List(ViewerOf(context.caller), after, size + 1);
  if (!runs.ok()) return RunError(runs.status());
  v1::ListRunsResponse response;
  for (const runs::Run& run : *runs) {
    if (response.runs_size() == size) {
      response.set_next_page_token(RunPageToken(response.runs().rbegin()->name()));
      break;
    }
    EncodeRun(run, *response.add_runs());
  }
  return response;
}

absl::StatusOr<v1::DeleteRunResponse> Handlers::DeleteRun(const v1::DeleteRunRequest& request,
                                                          const CallContext& context) const {
  const auto name = DecodeName(request.run());
  if (!name.ok()) return name.status();
  absl::Status may = CheckRunsKept(options_.runs.get());
  if (may.ok()) may = AskedWork(options_.limits, context).Ask({kSlowStoreOperations, 0});
  if (!may.ok()) return may;
  const absl::Status deleted = options_.runs->Delete(*name, ViewerOf(context.caller));
  if (!deleted.ok()) return RunError(deleted);
  return v1::DeleteRunResponse();
}

}  // namespace lossd::rpc
