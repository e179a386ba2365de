#ifndef LOSSD_SERVER_RPC_HANDLERS_ASKED_WORK_H_
#define LOSSD_SERVER_RPC_HANDLERS_ASKED_WORK_H_

#include "absl/status/status.h"
#include "server/loss/work.h"
#include "server/rpc/call.h"
#include "server/rpc/limits.h"
#include "server/rpc/wire/message_codec.h"

namespace lossd::rpc {

// What a call has asked its transport for, step by step as the call gets to know what it takes.
class AskedWork {
 public:
  // Both arguments outlive this.
  AskedWork(const Limits& limits, const CallContext& context)
      : limits_(limits), context_(context) {}

  // Asks for `work` beside what was asked for before. What takes little memory is asked for
  // together with what comes next, for which Ask must be called. Returns RESOURCE_EXHAUSTED, naming
  // the limit and its flag, when the call would take more memory than all calls may have together;
  // else what the transport says.
  absl::Status AskBefore(const loss::Work& work);
  absl::Status Ask(const loss::Work& work);

 private:
  const Limits& limits_;
  const CallContext& context_;
  loss::Work pending_;
  double bytes_ = 0;  // asked for or pending
};

// Returns what asks for the memory of a request that is to be parsed, in the same way.
AdmitParsing ParsingAdmission(const Limits& limits, const CallContext& context);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_HANDLERS_ASKED_WORK_H_
