#include "server/web/runs/asked_call.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lossd::web {

AskedCall::AskedCall(absl::string_view method, PageRequest request, CallSurroundings around)
    : method_(absl::StrCat("lossd.v1.RunService/", method)),
      request_(std::move(request)),
      around_(around),
      id_(around.filters.want_ids() ? around.ids.Next() : ""),
      begin_(around.filters.Now()) {}

AskedCall::~AskedCall() {
  costs_.lasted = around_.filters.Now() - begin_;
  around_.filters.Ended(*this, status_, costs_);
}

absl::Status AskedCall::Begin() {
  status_ = around_.filters.Identify(*this, caller_);
  status_.Update(around_.filters.Arrived(*this));
  return status_;
}

void AskedCall::NoteAnswer(const absl::Status& status, size_t request_size, size_t response_size) {
  status_ = status;
  costs_.request_bytes = static_cast<int64_t>(request_size);
  costs_.response_bytes = static_cast<int64_t>(response_size);
  costs_.messages = 1;
  costs_.failed_messages = status.ok() ? 0 : 1;
  costs_.computing = around_.filters.Now() - begin_;
}

std::string AskedCall::Peer() const { return absl::StrCat("http:", request_.peer); }

std::optional<absl::string_view> AskedCall::Metadata(absl::string_view key) const {
  return request_.Header(key);
}

size_t AskedCall::MetadataCount(absl::string_view key) const { return request_.HeaderCount(key); }

}  // namespace lossd::web
