#include "server/rpc/errors/field_violations.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "server/rpc/errors/short_text.h"
#include "server/rpc/errors/status.h"

namespace lossd::rpc {
namespace {

constexpr size_t kMaxPathBytes = 160;
constexpr size_t kMaxDescriptionBytes = 320;
// The part of kMaxErrorDetailsBytes for BadRequest. The message and ErrorInfo take the rest.
constexpr size_t kMaxListedBytes = 1400;
constexpr size_t kBytesAroundViolation = 12;
constexpr size_t kViolationsInMessage = 2;

}  // namespace

void FieldViolations::Add(absl::string_view path, absl::string_view description) {
  ++count_;
  Violation violation{ShortText(path, kMaxPathBytes), ShortText(description, kMaxDescriptionBytes)};
  const size_t bytes = violation.path.size() + violation.description.size() + kBytesAroundViolation;
  // After one that does not fit no later one is listed: the list is the start of what was found.
  full_ = full_ || listed_bytes_ + bytes > kMaxListedBytes;
  if (full_) return;
  listed_bytes_ += bytes;
  listed_.push_back(std::move(violation));
}

absl::Status FieldViolations::ToStatus() const {
  if (empty()) return absl::OkStatus();
  google::rpc::BadRequest bad_request;
  for (const Violation& violation : listed_) {
    auto& field = *bad_request.add_field_violations();
    field.set_field(violation.path);
    field.set_description(violation.description);
  }

  std::string message;
  const size_t shown = std::min(listed_.size(), kViolationsInMessage);
  for (size_t i = 0; i < shown; ++i) {
    absl::StrAppend(&message, i == 0 ? "" : "; ", listed_[i].path, " ", listed_[i].description);
  }
  const int64_t rest = count_ - static_cast<int64_t>(shown);
  if (rest > 0) absl::StrAppend(&message, "; and ", rest, " more");

  absl::Status status = WithErrorInfo(absl::InvalidArgumentError(message), "INVALID_FIELD");
  status.SetPayload(
      absl::StrCat("type.googleapis.com/", google::rpc::BadRequest::descriptor()->full_name()),
      absl::Cord(bad_request.SerializeAsString()));
  return status;
}

}  // namespace lossd::rpc
