#ifndef LOSSD_SERVER_WEB_RUNS_ASKED_CALL_H_
#define LOSSD_SERVER_WEB_RUNS_ASKED_CALL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/rpc/call_filter.h"
#include "server/rpc/caller.h"
#include "server/transport/call_filters.h"
#include "server/transport/call_ids.h"
#include "server/web/page.h"

namespace lossd::web {

// What all transports share of calls. Both outlive the calls.
struct CallSurroundings {
  const transport::CallFilters& filters;
  transport::CallIds& ids;
};

// A call of lossd.v1.RunService that came as a request of a page. The filters, which know who may
// call and write logs and metrics, are asked when it begins and told when this goes.
class AskedCall final : public rpc::CallInfo {
 public:
  // `method` is such as "GetRun".
  AskedCall(absl::string_view method, PageRequest request, CallSurroundings around);
  ~AskedCall();
  AskedCall(const AskedCall&) = delete;
  AskedCall& operator=(const AskedCall&) = delete;

  // Returns an error to refuse the call. Called once, before the others.
  absl::Status Begin();

  // Notes what the call came to. `sizes` are those of serialized messages.
  void NoteAnswer(const absl::Status& status, size_t request_size, size_t response_size);

  const std::shared_ptr<const rpc::Caller>& shared_caller() const { return caller_; }

  absl::string_view method() const override { return method_; }
  std::string Peer() const override;
  std::optional<absl::string_view> Metadata(absl::string_view key) const override;
  size_t MetadataCount(absl::string_view key) const override;
  const rpc::Caller* caller() const override { return caller_.get(); }
  absl::string_view Id() const override { return id_; }

 private:
  const std::string method_;
  const PageRequest request_;
  const CallSurroundings around_;
  const std::string id_;
  const transport::CallFilters::Moment begin_;
  std::shared_ptr<const rpc::Caller> caller_;
  absl::Status status_;
  rpc::CallCosts costs_;
};

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_ASKED_CALL_H_
