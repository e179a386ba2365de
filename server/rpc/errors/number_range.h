#ifndef LOSSD_SERVER_RPC_ERRORS_NUMBER_RANGE_H_
#define LOSSD_SERVER_RPC_ERRORS_NUMBER_RANGE_H_

#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "server/rpc/errors/field_violations.h"

namespace lossd::rpc {

// The finite numbers between two ends, either of which may be absent, and may be excluded.
struct NumberRange {
  static constexpr double kUnbounded = std::numeric_limits<double>::infinity();

  static constexpr NumberRange AtLeast(double minimum) { return {minimum, kUnbounded}; }
  static constexpr NumberRange Above(double minimum) { return {minimum, kUnbounded, true}; }
  static constexpr NumberRange Between(double minimum, double maximum) {
    return {minimum, maximum};
  }
  // [minimum, maximum), (minimum, maximum] and (minimum, maximum).
  static constexpr NumberRange FromBelow(double minimum, double maximum) {
    return {minimum, maximum, false, true};
  }
  static constexpr NumberRange AboveUpTo(double minimum, double maximum) {
    return {minimum, maximum, true};
  }
  static constexpr NumberRange Inside(double minimum, double maximum) {
    return {minimum, maximum, true, true};
  }

  bool Contains(double value) const;  // false for NaN and infinities

  double minimum = -kUnbounded;
  double maximum = kUnbounded;
  bool minimum_exclusive = false;
  bool maximum_exclusive = false;
};

// What is wrong with a value outside `range`, after the name of its field: "= 1 is not in [0, 1)"
// or "= -1, expected a finite number >= 0".
std::string OutOfRangeText(double value, const NumberRange& range);

// Adds to `violations` when the value that stands at `path` is not in `range`.
void CheckRange(double value, const NumberRange& range, absl::string_view path,
                FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_NUMBER_RANGE_H_
