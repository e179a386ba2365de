#include "server/observe/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace lossd::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class SomeCall final : public rpc::CallInfo {
 public:
  using Headers = std::map<std::string, std::string>;

  explicit SomeCall(Headers metadata = {}) : metadata_(std::move(metadata)) {}

  absl::string_view method() const override { return "lossd.v1.LossService/Compare"; }
  std::string Peer() const override { return "ipv4:127.0.0.1:4711"; }
  std::optional<absl::string_view> Metadata(absl::string_view key) const override {
    const auto found = metadata_.find(std::string(key));
    if (found == metadata_.end()) return std::nullopt;
    return found->second;
  }
  absl::string_view Id() const override { return "0123456789abcdef"; }
  rpc::CallNotes Notes() const override { return {{"focal", "cross_entropy"}, {32, 10}}; }

 private:
  Headers metadata_;
};

rpc::CallCosts SomeCosts() {
  rpc::CallCosts costs;
  costs.request_bytes = 1408;
  costs.response_bytes = 140;
  costs.messages = 3;
  costs.failed_messages = 1;
  costs.queued = std::chrono::microseconds(4);
  costs.computing = std::chrono::nanoseconds(35900);
  return costs;
}

// Returns the line of a call.
std::string LineOf(const rpc::CallInfo& call, const absl::Status& status) {
  ::testing::internal::CaptureStderr();
  {
    const Log log(LogFormat::kText);
    AccessLog(log).Ended(call, status, SomeCosts());
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(AccessLogTest, ACallIsOneLine) {
  EXPECT_THAT(
      LineOf(SomeCall(), absl::OkStatus()),
      MatchesRegex("[^ ]+ info call call_id=\"0123456789abcdef\" peer=\"ipv4:127.0.0.1:4711\" "
                   "method=\"lossd.v1.LossService/Compare\" code=\"OK\" "
                   "losses=\"focal,cross_entropy\" shape=\"\\[32, 10\\]\" messages=3 "
                   "failed_messages=1 request_bytes=1408 response_bytes=140 queued_us=4 "
                   "computing_us=35\n"));
}

TEST(AccessLogTest, TheTextOfAnErrorMayQuoteValuesAndIsNotInIt) {
  const std::string line = LineOf(SomeCall(), absl::InvalidArgumentError("labels[17] = 12"));
  EXPECT_THAT(line, HasSubstr("code=\"INVALID_ARGUMENT\""));
  EXPECT_THAT(line, Not(HasSubstr("labels")));
}

TEST(AccessLogTest, HasTheIdsOfTheClientsTraceAndNoOtherMetadata) {
  const SomeCall call(
      SomeCall::Headers{{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
                        {"tracestate", "secret=1"},
                        {"authorization", "Bearer secret"}});
  const std::string line = LineOf(call, absl::OkStatus());
  EXPECT_THAT(line, HasSubstr("trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\" "
                              "parent_id=\"00f067aa0ba902b7\""));
  EXPECT_THAT(line, Not(HasSubstr("secret")));
}

TEST(AccessLogTest, AMalformedTraceIsNotEchoed) {
  const std::string line =
      LineOf(SomeCall(SomeCall::Headers{{"traceparent", "00-evil-evil-01"}}), absl::OkStatus());
  EXPECT_THAT(line, Not(HasSubstr("evil")));
  EXPECT_THAT(line, Not(HasSubstr("trace_id")));
}

TEST(AccessLogTest, EveryCallIsALine) {
  ::testing::internal::CaptureStderr();
  {
    const Log log(LogFormat::kJson);
    AccessLog access_log(log);
    for (int i = 0; i < 100; ++i) access_log.Ended(SomeCall(), absl::OkStatus(), SomeCosts());
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
  EXPECT_THAT(text, HasSubstr(R"("request_bytes":1408)"));
}

}  // namespace
}  // namespace lossd::observe
