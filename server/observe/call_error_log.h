#ifndef LOSSD_SERVER_OBSERVE_CALL_ERROR_LOG_H_
#define LOSSD_SERVER_OBSERVE_CALL_ERROR_LOG_H_

#include "absl/status/status.h"
#include "server/process/log.h"
#include "server/rpc/call_filter.h"

namespace lossd::observe {

// Writes a log entry for each call that ends in an error, and for each message of a stream that is
// answered with one. Those of one method, code and token's name are summed up; of INTERNAL, which
// is the server's fault, those of one method.
class CallErrorLog final : public rpc::CallFilter {
 public:
  // `log` must outlive this.
  explicit CallErrorLog(const Log& log) : log_(log) {}

  void MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                       const rpc::CallCosts& costs, const rpc::CallNotes& notes) override;
  void Ended(const rpc::CallInfo& call, const absl::Status& status,
             const rpc::CallCosts& costs) override;

 private:
  const Log& log_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_CALL_ERROR_LOG_H_
