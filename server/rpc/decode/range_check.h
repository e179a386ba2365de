#ifndef LOSSD_SERVER_RPC_DECODE_RANGE_CHECK_H_
#define LOSSD_SERVER_RPC_DECODE_RANGE_CHECK_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/loss/catalogue.h"
#include "server/rpc/errors/field_violations.h"

namespace lossd::rpc {

using loss::Range;

// Says what is wrong with a value outside `range`, as it follows the name of its field:
// "= 1 is not in [0, 1)" or "= -1, expected a finite number >= 0".
std::string OutOfRangeText(double value, const Range& range);

// Adds to `violations` when the value of the field `path` is not in `range`.
void CheckRange(double value, const Range& range, absl::string_view path,
                FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_RANGE_CHECK_H_
