#ifndef LOSSD_TESTS_SERVER_RPC_ERRORS_REFUSALS_H_
#define LOSSD_TESTS_SERVER_RPC_ERRORS_REFUSALS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/from_text.h"

namespace lossd::rpc {

// Returns "path description" of every violation that the status lists.
inline std::vector<std::string> Violations(const absl::Status& status) {
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  google::rpc::BadRequest bad_request;
  if (!payload || !bad_request.ParseFromString(std::string(*payload))) return {};
  std::vector<std::string> violations;
  for (const auto& violation : bad_request.field_violations()) {
    violations.push_back(violation.field() + " " + violation.description());
  }
  return violations;
}

inline google::rpc::ErrorInfo ErrorInfoOf(const absl::Status& status) {
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo info;
  if (payload) info.ParseFromString(std::string(*payload));
  return info;
}

// A request in protobuf's text format, and the only thing that is wrong with it.
struct Refusal {
  std::string request;
  std::string violation;
};

// Expects call(request), a status, to name each request's violation and nothing else.
template <typename Request, typename Call>
void ExpectRefusals(const std::vector<Refusal>& refusals, Call call) {
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(refusal.request);
    const absl::Status status = call(FromText<Request>(refusal.request));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(Violations(status), ::testing::ElementsAre(refusal.violation));
    EXPECT_EQ(std::string(status.message()), refusal.violation);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "INVALID_FIELD");
    EXPECT_EQ(ErrorInfoOf(status).domain(), "lossd");
  }
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_ERRORS_REFUSALS_H_
