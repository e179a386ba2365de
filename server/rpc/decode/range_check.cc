#include "server/rpc/decode/range_check.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/errors/number_text.h"

namespace lossd::rpc {
namespace {

// Returns "0 or at least 1", or "at most 2 or at least 3" where the range goes on below the gap.
std::string AroundGapText(const Range& range) {
  const bool begins_at_gap = range.minimum == range.gap_begin;
  return absl::StrCat(begins_at_gap ? "" : "at most ", NumberText(range.gap_begin), " or at least ",
                      NumberText(range.gap_end));
}

std::string IntervalText(const Range& range) {
  return absl::StrCat(range.minimum_exclusive ? "(" : "[", NumberText(range.minimum), ", ",
                      NumberText(range.maximum), range.maximum_exclusive ? ")" : "]");
}

}  // namespace

std::string OutOfRangeText(double value, const Range& range) {
  const std::string actual = absl::StrCat("= ", NumberText(value));
  if (range.IsInGap(value)) return absl::StrCat(actual, ", expected ", AroundGapText(range));
  if (range.HasMinimum() && range.HasMaximum()) {
    return absl::StrCat(actual, " is not in ", IntervalText(range));
  }
  std::string expected = absl::StrCat(actual, ", expected a finite number");
  if (range.HasMinimum()) {
    return absl::StrCat(expected,
                        range.minimum_exclusive ? " > " : " >= ", NumberText(range.minimum));
  }
  if (range.HasMaximum()) {
    return absl::StrCat(expected,
                        range.maximum_exclusive ? " < " : " <= ", NumberText(range.maximum));
  }
  return expected;
}

void CheckRange(double value, const Range& range, const Field& field) {
  if (!range.Contains(value)) field.Refuse(OutOfRangeText(value, range));
}

}  // namespace lossd::rpc
