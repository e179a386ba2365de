#ifndef LOSSD_SERVER_RPC_ERRORS_FIELD_VIOLATIONS_H_
#define LOSSD_SERVER_RPC_ERRORS_FIELD_VIOLATIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lossd::rpc {

// Collects what is wrong with the fields of a request.
//
//   FieldViolations violations;
//   violations.Add("labels[17]", "= 12 is not in [0, 10)");
//   if (!violations.empty()) return violations.ToStatus();
//
// It keeps as many violations as fit an error's details and counts the rest.
class FieldViolations {
 public:
  // Adds a violation of the field at `path`, which begins at the request. `description` continues
  // the sentence: it says what was there and what was expected.
  void Add(absl::string_view path, absl::string_view description);

  // Counts a violation like an earlier one, without listing it.
  void AddUnlisted() { ++count_; }

  bool empty() const { return count_ == 0; }
  int64_t count() const { return count_; }

  // Returns OK when there are none; else INVALID_ARGUMENT with ErrorInfo, reason INVALID_FIELD, and
  // BadRequest. The message has the first violations and the number of the others.
  absl::Status ToStatus() const;

 private:
  struct Violation {
    std::string path;
    std::string description;
  };

  std::vector<Violation> listed_;
  size_t listed_bytes_ = 0;
  bool full_ = false;
  int64_t count_ = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_FIELD_VIOLATIONS_H_
