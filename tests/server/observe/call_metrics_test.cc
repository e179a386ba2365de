#include "server/observe/call_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/observe/metrics_text.h"
#include "server/rpc/errors/status.h"

namespace lossd::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCompute[] = "a.Service/Compute";
constexpr char kStream[] = "a.Service/Stream";

class SomeCall final : public rpc::CallInfo {
 public:
  explicit SomeCall(std::string method) : method_(std::move(method)) {}
  // NOLINTNEXTLINE(modernize-pass-by-value): GCC 12 takes a moved InlinedVector for uninitialized.
  SomeCall(std::string method, const rpc::CallNotes& notes)
      : method_(std::move(method)), notes_(notes) {}

  absl::string_view method() const override { return method_; }
  std::string Peer() const override { return "nowhere"; }
  std::optional<absl::string_view> Metadata(absl::string_view) const override {
    return std::nullopt;
  }
  rpc::CallNotes Notes() const override { return notes_; }

 private:
  const std::string method_;
  const rpc::CallNotes notes_;
};

CallMetrics SomeMetrics() {
  return CallMetrics({{{kCompute, false}, {kStream, true}}, {"focal", "poly1"}, {"FLOAT32"}});
}

rpc::CallNotes SomeNotes() { return {{"focal", "new"}, {32, 10}, "FLOAT32", 32, 5}; }

rpc::CallCosts SomeCosts() {
  rpc::CallCosts costs;
  costs.request_bytes = 1025;
  costs.response_bytes = 1024;
  costs.messages = 1;
  costs.queued = std::chrono::microseconds(10);
  costs.computing = std::chrono::milliseconds(3);
  costs.lasted = std::chrono::seconds(101);
  return costs;
}

std::string Text(const CallMetrics& metrics) { return MetricsText({&metrics}).Make(); }

TEST(CallMetricsTest, ACallIsCountedByMethodStatusAndLoss) {
  CallMetrics metrics = SomeMetrics();
  const SomeCall call(kCompute, SomeNotes());
  EXPECT_TRUE(metrics.Arrived(call).ok());
  metrics.Ended(call, absl::OkStatus(), SomeCosts());
  const std::string text = Text(metrics);
  const std::string ok = R"({grpc_method="a.Service/Compute",grpc_status="OK")";
  for (const std::string& line : {
           std::string(R"(grpc_server_call_started_total{grpc_method="a.Service/Compute"} 1)"),
           std::string(R"(grpc_server_call_started_total{grpc_method="a.Service/Stream"} 0)"),
           "grpc_server_call_duration_seconds_count" + ok + "} 1",
           "grpc_server_call_duration_seconds_sum" + ok + "} 101",
           "grpc_server_call_duration_seconds_bucket" + ok + ",le=\"100\"} 0",
           "grpc_server_call_duration_seconds_bucket" + ok + ",le=\"+Inf\"} 1",
           "grpc_server_call_rcvd_total_compressed_message_size_bytes_bucket" + ok +
               ",le=\"1024\"} 0",
           "grpc_server_call_sent_total_compressed_message_size_bytes_bucket" + ok +
               ",le=\"1024\"} 1",
           "lossd_messages_total" + ok + "} 1",
           std::string(
               R"(lossd_queue_seconds_bucket{grpc_method="a.Service/Compute",le="1e-05"} 1)"),
           std::string(R"(lossd_compute_seconds_sum{grpc_method="a.Service/Compute"} 0.003)"),
           std::string(R"(lossd_batches_total{loss="focal",data_type="FLOAT32"} 1)"),
           std::string(R"(lossd_rows_total{loss="focal",data_type="FLOAT32"} 32)"),
           std::string(R"(lossd_rows_total{loss="other",data_type="FLOAT32"} 32)"),
           std::string(R"(lossd_non_finite_losses_total{data_type="FLOAT32"} 5)"),
       }) {
    EXPECT_THAT(text, HasSubstr(line + "\n"));
  }
  EXPECT_THAT(text, Not(HasSubstr("CANCELLED")));
  EXPECT_THAT(text, Not(HasSubstr("poly1")));
}

TEST(CallMetricsTest, OfAStreamTheMessagesAreCountedAsTheyAreAnswered) {
  CallMetrics metrics = SomeMetrics();
  const SomeCall stream(kStream, SomeNotes());
  for (int i = 0; i < 2; ++i) {
    metrics.MessageAnswered(stream, absl::OkStatus(), SomeCosts(), SomeNotes());
  }
  metrics.MessageAnswered(stream, absl::InvalidArgumentError("no"), SomeCosts(), SomeNotes());
  metrics.Ended(stream, absl::OkStatus(), SomeCosts());
  const std::string text = Text(metrics);
  EXPECT_THAT(text, HasSubstr(R"(lossd_rows_total{loss="focal",data_type="FLOAT32"} 64)"));
  EXPECT_THAT(text, HasSubstr(R"(lossd_compute_seconds_count{grpc_method="a.Service/Stream"} 3)"));
  EXPECT_THAT(text, HasSubstr("lossd_messages_total{grpc_method=\"a.Service/Stream\","
                              "grpc_status=\"INVALID_ARGUMENT\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_call_duration_seconds_count{"
                              "grpc_method=\"a.Service/Stream\",grpc_status=\"OK\"} 1\n"));
}

TEST(CallMetricsTest, RefusalsAreCountedByReasonAndFaultsOfRequestsAreNone) {
  CallMetrics metrics = SomeMetrics();
  const SomeCall call(kCompute);
  metrics.Ended(call, rpc::LimitExceeded("too large"), {});
  metrics.Ended(call, rpc::Unavailable("busy", "OVERLOADED", absl::Seconds(1)), {});
  metrics.Ended(call, rpc::Unavailable("busy", "OVERLOADED", absl::Seconds(1)), {});
  metrics.Ended(call, absl::UnauthenticatedError("no token"), {});
  metrics.Ended(call, rpc::MalformedRequest("x"), {});
  const std::string text = Text(metrics);
  EXPECT_THAT(text, HasSubstr("lossd_refused_total{reason=\"LIMIT_EXCEEDED\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lossd_refused_total{reason=\"OVERLOADED\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("lossd_refused_total{reason=\"UNAUTHENTICATED\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lossd_refused_total{reason=\"SHUTTING_DOWN\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("MALFORMED")));
  EXPECT_THAT(text, Not(HasSubstr("lossd_messages_total{")));
}

TEST(CallMetricsTest, NoCallMakesALabelThatIsNotKnown) {
  CallMetrics metrics = SomeMetrics();
  for (const std::string& name : {std::string("a"), std::string("b\"} 1\n"), std::string()}) {
    EXPECT_TRUE(metrics.Arrived(SomeCall(name)).ok());
    metrics.Ended(SomeCall(name, {{name}, {1}, name, 1}), absl::OkStatus(), SomeCosts());
  }
  const std::string text = Text(metrics);
  EXPECT_THAT(text, HasSubstr("grpc_server_call_started_total{grpc_method=\"other\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("lossd_batches_total{loss=\"other\",data_type=\"other\"} 3\n"));
  EXPECT_THAT(text, Not(HasSubstr("=\"a\"")));
  EXPECT_THAT(text, Not(HasSubstr("=\"b")));
}

TEST(CallMetricsTest, ThreadsLoseNothingAndALookIsConsistent) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kCalls = 20000;
  CallMetrics metrics = SomeMetrics();
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&metrics] {
      const SomeCall call(kCompute);
      for (uint64_t j = 0; j < kCalls; ++j) metrics.Ended(call, absl::OkStatus(), SomeCosts());
    });
  }
  uint64_t seen = 0;
  while (seen < kThreads * kCalls) {
    const auto histogram = metrics.Collect()[1].metric;
    if (histogram.empty()) continue;
    const uint64_t count = histogram[0].histogram.sample_count;
    EXPECT_GE(count, seen);
    EXPECT_LE(histogram[0].histogram.bucket.back().cumulative_count, count);
    seen = count;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Text(metrics), HasSubstr("lossd_messages_total{grpc_method=\"a.Service/Compute\","
                                       "grpc_status=\"OK\"} 80000\n"));
}

}  // namespace
}  // namespace lossd::observe
