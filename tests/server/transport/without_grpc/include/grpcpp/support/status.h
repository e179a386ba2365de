#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_STATUS_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_STATUS_H_

#include <string>
#include <utility>

namespace grpc {

// NOLINTBEGIN(readability-identifier-naming): the names are gRPC's.
enum StatusCode {
  OK = 0,
  CANCELLED = 1,
  UNKNOWN = 2,
  INVALID_ARGUMENT = 3,
  DEADLINE_EXCEEDED = 4,
  NOT_FOUND = 5,
  FAILED_PRECONDITION = 9,
  INTERNAL = 13,
  UNAVAILABLE = 14,
};
// NOLINTEND(readability-identifier-naming)

class Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message, std::string details = "")
      : code_(code), message_(std::move(message)), details_(std::move(details)) {}

  static const Status& OK;

  bool ok() const { return code_ == StatusCode::OK; }
  StatusCode error_code() const { return code_; }
  const std::string& error_message() const { return message_; }
  const std::string& error_details() const { return details_; }

 private:
  StatusCode code_ = StatusCode::OK;
  std::string message_;
  std::string details_;
};

inline const Status kOkStatus;
inline const Status& Status::OK = kOkStatus;

}  // namespace grpc

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_STATUS_H_
