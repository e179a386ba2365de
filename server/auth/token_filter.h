#ifndef LOSSD_SERVER_AUTH_TOKEN_FILTER_H_
#define LOSSD_SERVER_AUTH_TOKEN_FILTER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/auth/tokens.h"
#include "server/rpc/call_filter.h"

namespace lossd::auth {

// Lets calls pass that have a token of the file in their metadata, as `authorization: Bearer
// TOKEN`. The others are UNAUTHENTICATED. A stream whose token is revoked ends when its next
// message arrives.
class TokenFilter final : public rpc::CallFilter {
 public:
  // `tokens` must outlive this.
  explicit TokenFilter(const Tokens& tokens) : tokens_(tokens) {}

  absl::StatusOr<std::shared_ptr<const rpc::Caller>> Identify(const rpc::CallInfo& call) override;
  absl::Status MessageArrived(const rpc::CallInfo& call) override;

 private:
  const Tokens& tokens_;
};

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_TOKEN_FILTER_H_
