#include "server/transport/call_filters.h"

#include <algorithm>
#include <utility>

#include "server/rpc/catch_exceptions.h"

namespace lossd::transport {
namespace {

// Calls `tell` and drops its exceptions: the call that it is about goes on all the same.
template <typename Tell>
void CallAndDropExceptions(const Tell& tell) {
  static_cast<void>(rpc::CatchExceptions([&] {
    tell();
    return absl::OkStatus();
  }));
}

}  // namespace

CallFilters::CallFilters(std::vector<rpc::CallFilter*> filters)
    : filters_(std::move(filters)),
      wants_times_(std::any_of(filters_.begin(), filters_.end(),
                               [](const auto* filter) { return filter->WantsTimes(); })),
      want_notes_(std::any_of(filters_.begin(), filters_.end(),
                              [](const auto* filter) { return filter->WantsNotes(); })),
      want_ids_(std::any_of(filters_.begin(), filters_.end(),
                            [](const auto* filter) { return filter->WantsIds(); })) {}

absl::Status CallFilters::Identify(const rpc::CallInfo& call,
                                   std::shared_ptr<const rpc::Caller>& caller) const {
  absl::Status first;
  for (rpc::CallFilter* filter : filters_) {
    first.Update(rpc::CatchExceptions([&] {
      auto known = filter->Identify(call);
      if (!known.ok()) return known.status();
      if (caller == nullptr) caller = *std::move(known);
      return absl::OkStatus();
    }));
  }
  return first;
}

absl::Status CallFilters::Arrived(const rpc::CallInfo& call) const {
  absl::Status first;
  for (rpc::CallFilter* filter : filters_) {
    first.Update(rpc::CatchExceptions([&] { return filter->Arrived(call); }));
  }
  return first;
}

absl::Status CallFilters::MessageArrived(const rpc::CallInfo& call) const {
  absl::Status first;
  for (rpc::CallFilter* filter : filters_) {
    first.Update(rpc::CatchExceptions([&] { return filter->MessageArrived(call); }));
  }
  return first;
}

void CallFilters::MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                                  const rpc::CallCosts& costs, const rpc::CallNotes& notes) const {
  for (rpc::CallFilter* filter : filters_) {
    CallAndDropExceptions([&] { filter->MessageAnswered(call, status, costs, notes); });
  }
}

void CallFilters::Ended(const rpc::CallInfo& call, const absl::Status& status,
                        const rpc::CallCosts& costs) const {
  for (rpc::CallFilter* filter : filters_) {
    CallAndDropExceptions([&] { filter->Ended(call, status, costs); });
  }
}

}  // namespace lossd::transport
