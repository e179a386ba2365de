#ifndef LOSSD_ERROR_H_
#define LOSSD_ERROR_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace lossd {

// One thing that was wrong with a request.
struct FieldViolation {
  std::string field;        // its path in the request: "labels[17]", "loss.focal.gamma"
  std::string description;  // what was there, and what was expected: "= 12 is not in [0, 10)"
};

// The violations that the status of a failed call carries; none when it carries none. The status
// keeps the server's own details as payloads, under their type URLs (google.rpc.BadRequest and so
// on).
//
//   const auto result = client.Compute(logits, labels);
//   for (const auto& violation : lossd::FieldViolations(result.status())) {
//     std::cerr << violation.field << " " << violation.description << "\n";
//   }
std::vector<FieldViolation> FieldViolations(const absl::Status& status);

// The server's reason in UPPER_SNAKE_CASE, for programs to act on. Empty when the error did not
// come from lossd: the client refused the request, or the connection failed.
std::string ErrorReason(const absl::Status& status);

// How long an overloaded server (UNAVAILABLE) asks to be left alone. Unset: it did not say.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

}  // namespace lossd

#endif  // LOSSD_ERROR_H_
