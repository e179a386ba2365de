#ifndef LOSSD_ERROR_H_
#define LOSSD_ERROR_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace lossd {

// One error in a request.
struct FieldViolation {
  std::string field;        // its path in the request: "labels[17]", "loss.focal.gamma"
  std::string description;  // what was there, and what was expected: "= 12 is not in [0, 10)"
};

// Returns the violations in the status of a failed call, which may be none. The status keeps the
// server's own details as payloads, under their type URLs (google.rpc.BadRequest and so on).
//
//   const auto result = client.Compute(logits, labels);
//   for (const auto& violation : lossd::FieldViolations(result.status())) {
//     std::cerr << violation.field << " " << violation.description << "\n";
//   }
std::vector<FieldViolation> FieldViolations(const absl::Status& status);

// Returns the server's reason in UPPER_SNAKE_CASE, for programs to act on. Returns "" when the
// error did not come from lossd: the client refused the request, or the connection failed.
std::string ErrorReason(const absl::Status& status);

// Returns how long to wait before asking an overloaded server (UNAVAILABLE) again. Returns nullopt
// when the server did not say.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

}  // namespace lossd

#endif  // LOSSD_ERROR_H_
