#ifndef LOSSD_SERVER_KNOWN_VALUES_H_
#define LOSSD_SERVER_KNOWN_VALUES_H_

#include <vector>

#include "server/observe/call_metrics.h"
#include "server/rpc/method_table.h"

namespace lossd {

// Returns the values that labels of metrics may have in a server of these methods.
observe::KnownValues KnownValuesOf(const std::vector<rpc::MethodRow>& methods);

}  // namespace lossd

#endif  // LOSSD_SERVER_KNOWN_VALUES_H_
