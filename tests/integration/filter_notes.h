#ifndef LOSSD_TESTS_INTEGRATION_FILTER_NOTES_H_
#define LOSSD_TESTS_INTEGRATION_FILTER_NOTES_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/rpc/call_filter.h"
#include "tests/integration/test_server.h"

namespace lossd {

// A filter that notes what it is asked and told.
class Notes final : public rpc::CallFilter {
 public:
  struct Told {
    std::string method;
    absl::Status status;
    rpc::CallCosts costs;
    std::string id;
    rpc::CallNotes notes;
  };
  // What the filter asks the transport for.
  enum class Wants { kNothing, kTimes, kNotes, kNotesAndIds };

  explicit Notes(absl::Status answer = absl::OkStatus(), Wants wants = Wants::kTimes)
      : answer_(std::move(answer)), wants_(wants) {}

  absl::Status Arrived(const rpc::CallInfo& call) override {
    const absl::MutexLock lock(&mutex_);
    arrived_.emplace_back(call.method());
    peer_ = call.Peer();
    const auto token = call.Metadata("x-token");
    token_ = token ? std::string(*token) : "(none)";
    return answer_;
  }
  void MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                       const rpc::CallCosts& costs, const rpc::CallNotes& notes) override {
    const absl::MutexLock lock(&mutex_);
    messages_.push_back({std::string(call.method()), status, costs, std::string(call.Id()), notes});
  }
  void Ended(const rpc::CallInfo& call, const absl::Status& status,
             const rpc::CallCosts& costs) override {
    const absl::MutexLock lock(&mutex_);
    ended_.push_back(
        {std::string(call.method()), status, costs, std::string(call.Id()), call.Notes()});
  }
  bool WantsTimes() const override { return wants_ == Wants::kTimes; }
  bool WantsNotes() const override {
    return wants_ == Wants::kNotes || wants_ == Wants::kNotesAndIds;
  }
  bool WantsIds() const override { return wants_ == Wants::kNotesAndIds; }

  std::vector<std::string> arrived() const {
    const absl::MutexLock lock(&mutex_);
    return arrived_;
  }
  std::string peer() const {
    const absl::MutexLock lock(&mutex_);
    return peer_;
  }
  std::string token() const {
    const absl::MutexLock lock(&mutex_);
    return token_;
  }
  std::vector<Told> messages() const {
    const absl::MutexLock lock(&mutex_);
    return messages_;
  }
  // Waits until `count` calls have ended, ten seconds at most.
  void WaitUntilEnded(size_t count) const {
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return ended_.size() >= count;
    };
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
  }
  // Returns all that the filter was told by now.
  std::vector<Told> ended() const {
    const absl::MutexLock lock(&mutex_);
    return ended_;
  }

 private:
  const absl::Status answer_;
  const Wants wants_;
  mutable absl::Mutex mutex_;
  std::vector<std::string> arrived_ ABSL_GUARDED_BY(mutex_);
  std::string peer_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
  std::vector<Told> messages_ ABSL_GUARDED_BY(mutex_);
  std::vector<Told> ended_ ABSL_GUARDED_BY(mutex_);
};

// Shuts the server down and returns the calls that the filter was told of: a call ends after its
// answer is sent, and no other can come.
inline std::vector<Notes::Told> EndedOf(TestServer& server, const Notes& notes) {
  server.Shutdown(absl::Seconds(30));
  return notes.ended();
}

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_FILTER_NOTES_H_
