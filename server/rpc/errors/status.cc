#include "server/rpc/errors/status.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/errors/short_text.h"

namespace lossd::rpc {
namespace {

constexpr char kInternalText[] = "internal error; the server's log says more";

std::string TypeUrl(const google::protobuf::Message& message) {
  return absl::StrCat("type.googleapis.com/", message.GetDescriptor()->full_name());
}

absl::Cord Serialized(const google::protobuf::Message& message) {
  return absl::Cord(message.SerializeAsString());
}

// Returns true for the codes of the API's table; any other is a fault of the server.
bool IsPublic(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

// Returns `status` as clients may see it, with ErrorInfo.
absl::Status Public(const absl::Status& status) {
  if (!IsPublic(status.code())) {
    return WithErrorInfo(absl::InternalError(kInternalText), "INTERNAL");
  }
  if (status.GetPayload(TypeUrl(google::rpc::ErrorInfo()))) return status;
  return WithErrorInfo(status, absl::StatusCodeToString(status.code()));
}

void AddDetails(const absl::Status& status, google::rpc::Status& rpc_status) {
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    google::protobuf::Any& detail = *rpc_status.add_details();
    detail.set_type_url(std::string(type_url));
    detail.set_value(std::string(payload));
  });
  // The order of payloads is not specified, and clients and tests rely on one.
  std::sort(rpc_status.mutable_details()->pointer_begin(),
            rpc_status.mutable_details()->pointer_end(),
            [](const auto* a, const auto* b) { return a->type_url() < b->type_url(); });
}

// Drops the largest details, but never the small ErrorInfo, until the rest fits.
void FitDetails(google::rpc::Status& rpc_status) {
  while (rpc_status.ByteSizeLong() > kMaxErrorDetailsBytes && rpc_status.details_size() > 0) {
    auto& details = *rpc_status.mutable_details();
    const auto largest = std::max_element(
        details.begin(), details.end(),
        [](const auto& a, const auto& b) { return a.value().size() < b.value().size(); });
    details.erase(largest);
  }
}

}  // namespace

absl::Status WithErrorInfo(absl::Status status, absl::string_view reason,
                           const std::vector<std::pair<std::string, std::string>>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(kErrorDomain);
  for (const auto& [name, value] : metadata) (*info.mutable_metadata())[name] = value;
  status.SetPayload(TypeUrl(info), Serialized(info));
  return status;
}

std::string ErrorReason(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  const auto payload = status.GetPayload(TypeUrl(info));
  if (!payload || !info.ParseFromString(std::string(*payload))) return "";
  return info.reason();
}

absl::Status UnimplementedOption(absl::string_view message) {
  return WithErrorInfo(absl::UnimplementedError(message), "UNIMPLEMENTED_OPTION");
}

absl::Status LimitExceeded(absl::string_view message) {
  return WithErrorInfo(absl::ResourceExhaustedError(message), "LIMIT_EXCEEDED");
}

absl::Status OutOfMemory() {
  return WithErrorInfo(
      absl::ResourceExhaustedError(
          "the server has not enough memory for this call; ask for fewer outputs or send a smaller "
          "batch, or give the server more memory than --max-in-flight-bytes"),
      "OUT_OF_MEMORY");
}

absl::Status MalformedRequest(absl::string_view message_name) {
  return WithErrorInfo(absl::InvalidArgumentError(absl::StrCat(
                           "the request is malformed: its bytes are not a ", message_name)),
                       "MALFORMED_REQUEST");
}

absl::Status Unavailable(absl::string_view message, absl::string_view reason,
                         absl::Duration retry_delay) {
  google::rpc::RetryInfo retry;
  const int64_t seconds = absl::IDivDuration(retry_delay, absl::Seconds(1), &retry_delay);
  retry.mutable_retry_delay()->set_seconds(seconds);
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(retry_delay)));
  absl::Status status = WithErrorInfo(absl::UnavailableError(message), reason);
  status.SetPayload(TypeUrl(retry), Serialized(retry));
  return status;
}

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  if (status.ok()) return {};
  const absl::Status shown = Public(status);
  google::rpc::Status rpc_status;
  rpc_status.set_code(static_cast<int>(shown.code()));
  rpc_status.set_message(ShortText(shown.message(), kMaxErrorMessageBytes));
  AddDetails(shown, rpc_status);
  FitDetails(rpc_status);
  return rpc_status;
}

}  // namespace lossd::rpc
