#ifndef LOSSD_SERVER_RPC_HANDLERS_RUN_RECORDER_H_
#define LOSSD_SERVER_RPC_HANDLERS_RUN_RECORDER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "server/loss/presented_samples.h"
#include "server/loss/work.h"
#include "server/rpc/call.h"
#include "server/rpc/caller.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "server/rpc/handlers/on_run_failure.h"
#include "server/runs/run_store.h"

namespace lossd::rpc {

// Records the batches that name a run. Thread-safe.
class RunRecorder {
 public:
  // `store` may be null: the server keeps no runs.
  RunRecorder(runs::RunStore* store, OnRunFailure on_failure)
      : store_(store), on_failure_(on_failure) {}

  // Returns FAILED_PRECONDITION when the server keeps no runs.
  absl::Status CheckKept() const;

  // Returns what recording such a batch takes. The server keeps runs.
  loss::Work WorkOf(const ComputeCall& call) const;

  // Returns the line in which batches of the call's run are recorded for `caller`, which may be
  // null: the store takes one after the other anyway.
  static std::string LineOf(const ComputeCall& call, const Caller* caller);

  // Returns what records the batch of `call`, which names a run, and returns when it is stored;
  // once nobody waits for the call of `context` any more it gives up soon. Errors:
  // FAILED_PRECONDITION and PERMISSION_DENIED where the batch does not go with the run;
  // RESOURCE_EXHAUSTED and UNAVAILABLE where it could not be stored, unless it is to be answered
  // then.
  std::function<absl::Status()> Recording(ComputeCall call, loss::PresentedSamples presented,
                                          const CallContext& context) const;

  // Returns how many batches were answered and not stored.
  uint64_t unrecorded() const { return unrecorded_; }

 private:
  absl::Status Record(const ComputeCall& call, const loss::PresentedSamples& presented,
                      const Caller* caller) const;

  runs::RunStore* store_;
  OnRunFailure on_failure_;
  mutable std::atomic<uint64_t> unrecorded_ = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_HANDLERS_RUN_RECORDER_H_
