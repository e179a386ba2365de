#ifndef LOSSD_SERVER_WEB_RUNS_METHOD_CALLS_H_
#define LOSSD_SERVER_WEB_RUNS_METHOD_CALLS_H_

#include <vector>

#include "server/rpc/call.h"
#include "server/web/runs/run_call.h"

namespace lossd::web {

// Returns what answers the page's calls by the methods of RunService among `methods`, of which it
// keeps copies. UNIMPLEMENTED where there is no such method, or it answers with a stream.
RunCalls MethodCalls(const std::vector<rpc::MethodRow>& methods);

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_METHOD_CALLS_H_
