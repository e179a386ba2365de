#ifndef LOSSD_SERVER_OBSERVE_ACCESS_LOG_H_
#define LOSSD_SERVER_OBSERVE_ACCESS_LOG_H_

#include "absl/status/status.h"
#include "server/process/log.h"
#include "server/rpc/call_filter.h"

namespace lossd::observe {

// Writes a log entry for each call that has ended, a stream as one: its id, who called what, by the
// name of its token, how it ended, which losses on what shape (of a stream: its last batch), sizes,
// times, and the ids of the client's trace. Nothing else that a client sent is in it: no value of a
// tensor, no error's text, which may quote one, and no other metadata.
class AccessLog final : public rpc::CallFilter {
 public:
  // `log` must outlive this.
  explicit AccessLog(const Log& log) : log_(log) {}

  void Ended(const rpc::CallInfo& call, const absl::Status& status,
             const rpc::CallCosts& costs) override;
  bool WantsTimes() const override { return true; }
  bool WantsNotes() const override { return true; }
  bool WantsIds() const override { return true; }

 private:
  const Log& log_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_ACCESS_LOG_H_
