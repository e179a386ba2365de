#ifndef LOSSD_SERVER_RPC_DECODE_RANGE_CHECK_H_
#define LOSSD_SERVER_RPC_DECODE_RANGE_CHECK_H_

#include <string>

#include "server/loss/catalogue.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

using loss::Range;

// Says what is wrong with a value outside `range`, as it follows the name of its field:
// "= 1 is not in [0, 1)" or "= -1, expected a finite number >= 0".
std::string OutOfRangeText(double value, const Range& range);

// Adds a violation when the value of `field` is not in `range`.
void CheckRange(double value, const Range& range, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_RANGE_CHECK_H_
