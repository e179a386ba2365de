#include "server/web/runs/run_json.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace lossd::web {
namespace {

using google::protobuf::Struct;
namespace json = google::protobuf::util;

// Returns the status of HTTP that google.rpc.Code names for it.
int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isascii(static_cast<unsigned char>(c)); });
}

std::string ErrorJson(const absl::Status& error) {
  Struct told;
  (*told.mutable_fields())["code"].set_string_value(absl::StatusCodeToString(error.code()));
  (*told.mutable_fields())["message"].set_string_value(std::string(error.message()));
  return ToJson(told);
}

}  // namespace

absl::Status ReadParameters(const PageRequest::Values& parameters,
                            google::protobuf::Message& request) {
  Struct fields;
  for (const auto& [name, value] : parameters) {
    if (!IsAscii(name) || !IsAscii(value)) {
      return absl::InvalidArgumentError("a parameter is not ASCII, which all fields' values are");
    }
    if (fields.fields().contains(name)) {
      return absl::InvalidArgumentError("a parameter comes twice, expected each once");
    }
    (*fields.mutable_fields())[name].set_string_value(value);
  }
  const auto read = json::JsonStringToMessage(ToJson(fields), &request);
  if (read.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the parameters are none of ", request.GetDescriptor()->name(), ": ",
                   absl::string_view(read.message().data(), read.message().size())));
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string text;
  // Fails for times beyond the year 9999 alone, and then writes what comes before them.
  if (!json::MessageToJsonString(message, &text).ok()) return "{}";
  return text;
}

PageContent JsonPage(const absl::StatusOr<std::string>& json) {
  PageContent page;
  page.type = "application/json";
  if (json.ok()) {
    page.text = *json;
    return page;
  }
  page.status = HttpStatusOf(json.status().code());
  page.text = ErrorJson(json.status());
  if (absl::IsUnauthenticated(json.status())) page.headers = {{"WWW-Authenticate", "Bearer"}};
  return page;
}

}  // namespace lossd::web
