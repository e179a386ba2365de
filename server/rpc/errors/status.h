#ifndef LOSSD_SERVER_RPC_ERRORS_STATUS_H_
#define LOSSD_SERVER_RPC_ERRORS_STATUS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace google::rpc {
class Status;
}  // namespace google::rpc

namespace lossd::rpc {

// The domain of every google.rpc.ErrorInfo that this server sends.
inline constexpr char kErrorDomain[] = "lossd";

// The limits of an error's text and of its serialized google.rpc.Status. Both travel in HTTP/2
// trailers, the status in base64, which makes it a third longer; more than 8 KiB of trailers would
// turn the error into another one.
inline constexpr int kMaxErrorMessageBytes = 1024;
inline constexpr int kMaxErrorDetailsBytes = 3072;

// Attaches google.rpc.ErrorInfo: `reason` in UPPER_SNAKE, `metadata` as name and value. Leaves an
// OK status alone.
absl::Status WithErrorInfo(absl::Status status, absl::string_view reason,
                           const std::vector<std::pair<std::string, std::string>>& metadata = {});

// Returns the reason that WithErrorInfo() attached; "" if there is none.
std::string ErrorReason(const absl::Status& status);

// Returns UNIMPLEMENTED, reason UNIMPLEMENTED_OPTION. The message names what was asked for.
absl::Status UnimplementedOption(absl::string_view message);

// Returns RESOURCE_EXHAUSTED, reason LIMIT_EXCEEDED. The message names the limit and the flag that
// sets it. Trying again does not help.
absl::Status LimitExceeded(absl::string_view message);

// Returns RESOURCE_EXHAUSTED, reason OUT_OF_MEMORY: the system gave the server no more memory.
absl::Status OutOfMemory();

// Returns INVALID_ARGUMENT, reason MALFORMED_REQUEST: the bytes are no message of the type
// `message_name`.
absl::Status MalformedRequest(absl::string_view message_name);

// Returns UNAVAILABLE, with google.rpc.RetryInfo: it is worth another try after `retry_delay`.
absl::Status Unavailable(absl::string_view message, absl::string_view reason,
                         absl::Duration retry_delay);

// Returns the status for a client. Codes outside the API's table become INTERNAL, and the text of
// INTERNAL is a neutral one: what an exception said about addresses and files stays here. Payloads
// become details, ErrorInfo is added where it is missing, and text and details are cut to the
// limits above.
google::rpc::Status ToRpcStatus(const absl::Status& status);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_STATUS_H_
