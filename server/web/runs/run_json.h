#ifndef LOSSD_SERVER_WEB_RUNS_RUN_JSON_H_
#define LOSSD_SERVER_WEB_RUNS_RUN_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "server/web/page.h"

namespace lossd::web {

// Reads a request from the parameters of a page, each named for a field, as `run=a&page_size=10`.
// Values are as protobuf's JSON has them in quotes. INVALID_ARGUMENT: a parameter is no field of
// it, comes twice, or has a value that the field does not take.
absl::Status ReadParameters(const PageRequest::Values& parameters,
                            google::protobuf::Message& request);

// Returns the message as protobuf writes it in JSON, in one line: fields that have their default
// are left out, and integers of 64 bits are texts.
std::string ToJson(const google::protobuf::Message& message);

// Returns a page with that JSON, or one with the error's status of HTTP and
// {"code": "NOT_FOUND", "message": "..."}.
PageContent JsonPage(const absl::StatusOr<std::string>& json);

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_RUN_JSON_H_
