#include "server/transport/drain.h"

#include <algorithm>
#include <thread>

#include "absl/time/time.h"
#include "server/rpc/errors/status.h"
#include "server/threads/coarse_clock.h"

namespace lossd::transport {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// After it this server is gone, and a connection finds another.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

constexpr seconds kPatienceWithRequests(2);
constexpr seconds kPatienceWithAnswers(5);

constexpr milliseconds kQuiet(100);
constexpr seconds kLongestWaitForQuiet(1);
// Condition variables wait by the wall clock, which may be set meanwhile.
constexpr milliseconds kPollInterval(1);

}  // namespace

absl::Status ShuttingDown() {
  return rpc::Unavailable("the server is shutting down; try again at another or later",
                          "SHUTTING_DOWN", kRetryDelay);
}

absl::Status Drain::Call::Arrive() {
  const Clock::time_point now = CoarseNow();
  const MutexLock lock(&drain_.mutex_);
  drain_.last_arrival_ = now;
  if (drain_.refuses_) return ShuttingDown();
  drain_.last_admission_ = now;
  stage_ = Stage::kArriving;
  ++drain_.calls_[Index(stage_)];
  return absl::OkStatus();
}

void Drain::Call::Enter(Stage stage) {
  if (stage == stage_ || stage_ == Stage::kOutside) return;
  const MutexLock lock(&drain_.mutex_);
  --drain_.calls_[Index(stage_)];
  stage_ = stage;
  ++drain_.calls_[Index(stage_)];
  if (stage == Stage::kAnswering) drain_.last_answer_ = CoarseNow();
}

void Drain::RefuseCalls() {
  const MutexLock lock(&mutex_);
  refuses_ = true;
}

bool Drain::WaitUntilDone(Clock::time_point deadline) {
  while (MustWait(Clock::now())) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
  const Clock::time_point last_moment = std::min(deadline, Clock::now() + kLongestWaitForQuiet);
  while (true) {
    const Clock::time_point quiet_from = std::min(LastArrival() + kQuiet, last_moment);
    if (quiet_from <= Clock::now()) return IsDone();
    std::this_thread::sleep_until(quiet_from);
  }
}

bool Drain::MustWait(Clock::time_point now) {
  const MutexLock lock(&mutex_);
  const auto are_in = [this](Stage stage) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return calls_[Index(stage)] > 0;
  };
  return are_in(Stage::kComputing) ||
         (are_in(Stage::kArriving) && now < last_admission_ + kPatienceWithRequests) ||
         (are_in(Stage::kAnswering) && now < last_answer_ + kPatienceWithAnswers);
}

bool Drain::IsDone() {
  const MutexLock lock(&mutex_);
  return calls_[Index(Stage::kArriving)] + calls_[Index(Stage::kComputing)] +
             calls_[Index(Stage::kAnswering)] ==
         0;
}

Drain::Clock::time_point Drain::LastArrival() {
  const MutexLock lock(&mutex_);
  return last_arrival_;
}

}  // namespace lossd::transport
