#ifndef LOSSD_SERVER_TRANSPORT_CALL_FILTERS_H_
#define LOSSD_SERVER_TRANSPORT_CALL_FILTERS_H_

#include <chrono>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "server/rpc/call_filter.h"

namespace lossd::transport {

// The filters of a transport's calls, asked and told in their order. Thread-safe.
class CallFilters {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  // The filters must outlive this.
  explicit CallFilters(std::vector<rpc::CallFilter*> filters);

  // Asks every filter who makes the call. Sets `caller`, which is the call's, to what the first one
  // says that knows, and returns the first error.
  absl::Status Identify(const rpc::CallInfo& call,
                        std::shared_ptr<const rpc::Caller>& caller) const;
  // These ask every filter and return the first error.
  absl::Status Arrived(const rpc::CallInfo& call) const;
  absl::Status MessageArrived(const rpc::CallInfo& call) const;
  void MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                       const rpc::CallCosts& costs, const rpc::CallNotes& notes) const;
  void Ended(const rpc::CallInfo& call, const absl::Status& status,
             const rpc::CallCosts& costs) const;

  // Reads the clock if a filter wants times; returns the same moment always if none does.
  Moment Now() const { return wants_times_ ? std::chrono::steady_clock::now() : Moment(); }

  // Return true if a filter wants the notes, and the ids, of calls.
  bool want_notes() const { return want_notes_; }
  bool want_ids() const { return want_ids_; }

 private:
  const std::vector<rpc::CallFilter*> filters_;
  const bool wants_times_;
  const bool want_notes_;
  const bool want_ids_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CALL_FILTERS_H_
