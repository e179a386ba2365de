#include "lossd/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace lossd {
namespace {

// Returns the detail of this type, nullopt when the status has none that can be read.
template <typename Detail>
std::optional<Detail> ReadDetail(const absl::Status& status) {
  const auto payload =
      status.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  Detail detail;
  if (!payload || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

}  // namespace

std::vector<FieldViolation> FieldViolations(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  if (const auto detail = ReadDetail<google::rpc::BadRequest>(status)) {
    for (const auto& violation : detail->field_violations()) {
      violations.push_back({violation.field(), violation.description()});
    }
  }
  return violations;
}

std::string ErrorReason(const absl::Status& status) {
  const auto detail = ReadDetail<google::rpc::ErrorInfo>(status);
  return detail && detail->domain() == "lossd" ? detail->reason() : std::string();
}

std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  const auto detail = ReadDetail<google::rpc::RetryInfo>(status);
  if (!detail) return std::nullopt;
  return absl::Seconds(detail->retry_delay().seconds()) +
         absl::Nanoseconds(detail->retry_delay().nanos());
}

}  // namespace lossd
