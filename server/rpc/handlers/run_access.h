#ifndef LOSSD_SERVER_RPC_HANDLERS_RUN_ACCESS_H_
#define LOSSD_SERVER_RPC_HANDLERS_RUN_ACCESS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/rpc/caller.h"
#include "server/runs/run_store.h"

namespace lossd::rpc {

// It is worth asking a store again that did not answer, after this time.
inline constexpr absl::Duration kRunRetryDelay = absl::Seconds(1);

// What is asked of a store takes longer than a thread may have that serves connections.
inline constexpr double kSlowStoreOperations = 1e6;

// Returns whose the runs of `caller` are, who is null where nobody asks who calls.
inline absl::string_view OwnerOf(const Caller* caller) {
  return caller == nullptr ? absl::string_view() : caller->name;
}

// Returns whose runs the caller sees.
inline runs::RunViewer ViewerOf(const Caller* caller) {
  if (caller == nullptr || caller->is_admin) return {};
  return {caller->name};
}

// Returns FAILED_PRECONDITION when `store` is null: the server keeps no runs.
absl::Status CheckRunsKept(const runs::RunStore* store);

// Returns what a client is told of an error of a store that was asked for runs.
absl::Status RunError(const absl::Status& error);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_HANDLERS_RUN_ACCESS_H_
