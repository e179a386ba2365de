#include "server/transport/call_filters.h"

#include <algorithm>
#include <utility>

namespace lossd::transport {

CallFilters::CallFilters(std::vector<rpc::CallFilter*> filters)
    : filters_(std::move(filters)),
      wants_times_(std::any_of(filters_.begin(), filters_.end(),
                               [](const auto* filter) { return filter->WantsTimes(); })) {}

absl::Status CallFilters::Arrived(const rpc::CallInfo& call) const {
  absl::Status first;
  for (rpc::CallFilter* filter : filters_) first.Update(filter->Arrived(call));
  return first;
}

void CallFilters::MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                                  const rpc::CallCosts& costs) const {
  for (rpc::CallFilter* filter : filters_) filter->MessageAnswered(call, status, costs);
}

void CallFilters::Ended(const rpc::CallInfo& call, const absl::Status& status,
                        const rpc::CallCosts& costs) const {
  for (rpc::CallFilter* filter : filters_) filter->Ended(call, status, costs);
}

}  // namespace lossd::transport
