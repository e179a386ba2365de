#include "server/rpc/errors/number_range.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "server/rpc/errors/number_text.h"

namespace lossd::rpc {

bool NumberRange::Contains(double value) const {
  const bool above = minimum_exclusive ? value > minimum : value >= minimum;
  const bool below = maximum_exclusive ? value < maximum : value <= maximum;
  return std::isfinite(value) && above && below;
}

std::string OutOfRangeText(double value, const NumberRange& range) {
  const std::string actual = absl::StrCat("= ", NumberText(value));
  const std::string minimum = NumberText(range.minimum);
  const std::string maximum = NumberText(range.maximum);
  const bool has_minimum = std::isfinite(range.minimum);
  const bool has_maximum = std::isfinite(range.maximum);
  if (has_minimum && has_maximum) {
    return absl::StrCat(actual, " is not in ", range.minimum_exclusive ? "(" : "[", minimum, ", ",
                        maximum, range.maximum_exclusive ? ")" : "]");
  }
  std::string expected = absl::StrCat(actual, ", expected a finite number");
  if (has_minimum) {
    return absl::StrCat(expected, range.minimum_exclusive ? " > " : " >= ", minimum);
  }
  if (has_maximum) {
    return absl::StrCat(expected, range.maximum_exclusive ? " < " : " <= ", maximum);
  }
  return expected;
}

void CheckRange(double value, const NumberRange& range, absl::string_view path,
                FieldViolations& violations) {
  if (!range.Contains(value)) violations.Add(path, OutOfRangeText(value, range));
}

}  // namespace lossd::rpc
