#ifndef LOSSD_SERVER_WEB_RUNS_RUN_PAGES_H_
#define LOSSD_SERVER_WEB_RUNS_RUN_PAGES_H_

#include <functional>

#include "server/web/page.h"
#include "server/web/runs/asked_call.h"
#include "server/web/runs/request_guard.h"
#include "server/web/runs/run_call.h"

namespace lossd::web {

// Whom the live page asks, and whom it answers.
struct RunPagesOptions {
  RunCalls calls;
  CallSurroundings around;
  HostRule hosts = HostRule::kAny;
  // Returns false when event streams are to end.
  std::function<bool()> serving = [] { return true; };
};

// Returns the live page of training runs and what it is made of:
//
//   /                the page, which needs no token; its scripts and styles beside it
//   /api/runs        ListRunsResponse
//   /api/run         GetRunResponse
//   /api/samples     ListRunSamplesResponse
//   /api/watch       server-sent events, as RunFeed has them
//
// The first three take the fields of their requests as parameters and answer in protobuf's JSON.
// All four are calls to the filters: with tokens they need `Authorization: Bearer TOKEN`.
Pages MakeRunPages(RunPagesOptions options);

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_RUN_PAGES_H_
