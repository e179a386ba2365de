#include <chrono>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "lossd/client.h"
#include "lossd/error.h"
#include "tests/client/fake_server.h"

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ClientErrorsTest : public ::testing::Test {
 protected:
  Client MakeClient(ClientOptions options = {}) {
    options.target = server_.address();
    absl::StatusOr<Client> client = Client::Create(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  absl::Status ComputeStatus(const Client& client, const CallOptions& call = {}) const {
    return client.Compute(logits_, labels_, {}, {}, call).status();
  }

  const xt::xarray<float> logits_ = {{1.0f, 0.0f}};
  const xt::xarray<int64_t> labels_ = {0};
  testing::FakeServer server_;
};

grpc::Status RichStatus(grpc::StatusCode code, const std::string& message,
                        const std::vector<const google::protobuf::Message*>& details) {
  google::rpc::Status rich;
  rich.set_code(code);
  rich.set_message(message);
  for (const auto* detail : details) rich.add_details()->PackFrom(*detail);
  return {code, message, rich.SerializeAsString()};
}

TEST_F(ClientErrorsTest, KeepsTheServersCodeMessageAndViolations) {
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("labels[17]");
  violation->set_description("= 12 is not in [0, 10)");
  violation = bad_request.add_field_violations();
  violation->set_field("loss.focal.gamma");
  violation->set_description("= -1, expected a finite number >= 0");
  google::rpc::ErrorInfo info;
  info.set_domain("lossd");
  info.set_reason("LABEL_OUT_OF_RANGE");
  server_.FailWith(
      RichStatus(grpc::StatusCode::INVALID_ARGUMENT, "bad labels", {&info, &bad_request}));

  const absl::Status status = ComputeStatus(MakeClient());

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "bad labels");
  EXPECT_EQ(ErrorReason(status), "LABEL_OUT_OF_RANGE");
  const std::vector<FieldViolation> violations = FieldViolations(status);
  ASSERT_THAT(violations, SizeIs(2));
  EXPECT_EQ(violations[0].field, "labels[17]");
  EXPECT_EQ(violations[0].description, "= 12 is not in [0, 10)");
  EXPECT_EQ(violations[1].field, "loss.focal.gamma");
  EXPECT_FALSE(RetryDelay(status).has_value());
  // The payload is the server's own bytes.
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  ASSERT_TRUE(payload);
  EXPECT_EQ(std::string(*payload), bad_request.SerializeAsString());
}

TEST_F(ClientErrorsTest, SaysWhenAnOverloadedServerMayBeAskedAgain) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  server_.FailWith(RichStatus(grpc::StatusCode::UNAVAILABLE, "overloaded", {&retry}));

  const absl::Status status = ComputeStatus(MakeClient());

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(RetryDelay(status), absl::Milliseconds(1500));
}

TEST_F(ClientErrorsTest, IgnoresReasonsOfOthers) {
  google::rpc::ErrorInfo info;
  info.set_domain("proxy.example");
  info.set_reason("TIRED");
  server_.FailWith(RichStatus(grpc::StatusCode::UNAVAILABLE, "tired", {&info}));
  EXPECT_EQ(ErrorReason(ComputeStatus(MakeClient())), "");
}

TEST_F(ClientErrorsTest, PassesEveryCodeOn) {
  for (int code = 1; code <= 16; ++code) {
    server_.FailWith(grpc::Status(static_cast<grpc::StatusCode>(code), "told so"));
    const absl::Status status = ComputeStatus(MakeClient());
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(status.message(), "told so");
    EXPECT_THAT(FieldViolations(status), IsEmpty());
  }
}

TEST_F(ClientErrorsTest, SurvivesDetailsThatAreNoMessage) {
  server_.FailWith(grpc::Status(grpc::StatusCode::INTERNAL, "broken", "\xff\xff\xff"));
  const absl::Status status = ComputeStatus(MakeClient());
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "broken");
}

TEST_F(ClientErrorsTest, FailsOverEveryCall) {
  server_.FailWith(grpc::Status(grpc::StatusCode::INTERNAL, "broken"));
  const Client client = MakeClient();
  const xt::xarray<double> p = {1.0};
  const std::vector<LossSpec> losses(1);
  EXPECT_EQ(client.Compare(logits_, labels_, losses).status().message(), "broken");
  EXPECT_EQ(client.ComputeClassWeights(labels_).status().message(), "broken");
  EXPECT_EQ(client.ComputeClassWeightsFromCounts({1.0}).status().message(), "broken");
  EXPECT_EQ(client.MeasureInformation(p).status().message(), "broken");
  EXPECT_EQ(client.MeasureInformation(p, p).status().message(), "broken");
  EXPECT_EQ(client.ListLosses().status().message(), "broken");
  EXPECT_EQ(client.GetServerInfo().status().message(), "broken");
  EXPECT_EQ(server_.last_call().count, 7);
}

TEST_F(ClientErrorsTest, GivesEveryCallTheClientsDeadline) {
  ClientOptions options;
  options.deadline = absl::Seconds(50);
  const absl::Status status = ComputeStatus(MakeClient(options));
  ASSERT_TRUE(status.ok()) << status;
  // gRPC sends a timeout with three digits, rounded up.
  EXPECT_LE(server_.last_call().time_left, absl::Seconds(50.5));
  EXPECT_GT(server_.last_call().time_left, absl::Seconds(40));
}

TEST_F(ClientErrorsTest, PrefersTheCallsOwnDeadline) {
  CallOptions call;
  call.deadline = absl::Seconds(500);
  const absl::Status status = ComputeStatus(MakeClient(), call);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_LE(server_.last_call().time_left, absl::Seconds(505));
  EXPECT_GT(server_.last_call().time_left, absl::Seconds(400));
}

TEST_F(ClientErrorsTest, StopsWaitingAtTheDeadline) {
  server_.NeverAnswer();
  CallOptions call;
  call.deadline = absl::Milliseconds(100);
  const absl::Time start = absl::Now();
  const absl::Status status = ComputeStatus(MakeClient(), call);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  // gRPC counts in milliseconds of a clock of its own, and may be one or two early.
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(95));
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
}

TEST_F(ClientErrorsTest, RefusesDeadlinesThatAreNone) {
  const Client client = MakeClient();
  for (const absl::Duration deadline :
       {absl::ZeroDuration(), -absl::Seconds(1), absl::InfiniteDuration()}) {
    CallOptions call;
    call.deadline = deadline;
    const absl::Status status = ComputeStatus(client, call);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("deadline = "));
  }
  EXPECT_EQ(server_.last_call().count, 0);
}

TEST_F(ClientErrorsTest, RefusesAShapeThatDoesNotFitBeforeSending) {
  const std::vector<float> values(5);
  const absl::Status status =
      MakeClient().Compute(ArrayView<float>(values, {2, 3}), labels_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "logits.shape = [2, 3] holds 6 elements, but 5 values were given");
  ASSERT_THAT(FieldViolations(status), SizeIs(1));
  EXPECT_EQ(FieldViolations(status)[0].field, "logits.shape");
  EXPECT_EQ(FieldViolations(status)[0].description,
            "= [2, 3] holds 6 elements, but 5 values were given");
  EXPECT_EQ(ErrorReason(status), "");
  EXPECT_EQ(server_.last_call().count, 0);
}

TEST_F(ClientErrorsTest, NamesTheArrayWhoseShapeIsWrong) {
  const Client client = MakeClient();
  const ArrayView<double> wrong({}, {1});
  ComputeOptions options;
  options.sample_weights = wrong;
  EXPECT_THAT(std::string(client.Compute(logits_, labels_, {}, options).status().message()),
              HasSubstr("sample_weights.shape = [1]"));
  options = {};
  options.upstream_gradient = wrong;
  EXPECT_THAT(std::string(client.Compute(logits_, labels_, {}, options).status().message()),
              HasSubstr("upstream_gradient.shape = [1]"));
  EXPECT_THAT(std::string(client.Compute(logits_, wrong).status().message()),
              HasSubstr("labels.shape = [1]"));
  EXPECT_THAT(std::string(client.MeasureInformation(wrong).status().message()),
              HasSubstr("p.shape = [1]"));
  const xt::xarray<double> p = {1.0};
  EXPECT_THAT(std::string(client.MeasureInformation(p, wrong).status().message()),
              HasSubstr("q.shape = [1]"));
  EXPECT_EQ(server_.last_call().count, 0);
}

TEST_F(ClientErrorsTest, RefusesMemoryThatDoesNotFitBeforeSending) {
  const Client client = MakeClient();
  std::vector<float> floats(2);
  std::vector<double> doubles(2);
  const auto message_with = [&](bool asked, const OptionalMemory& gradient) {
    ComputeOptions options;
    options.outputs.gradient = asked;
    options.memory.gradient = gradient;
    const absl::Status status = client.Compute(logits_, labels_, {}, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(message_with(false, absl::MakeSpan(floats)),
            "memory.gradient is given, but outputs.gradient is not asked for");
  EXPECT_EQ(message_with(true, absl::MakeSpan(doubles)),
            "memory.gradient is of another type than the logits, expected float");
  EXPECT_EQ(message_with(true, absl::MakeSpan(floats).first(1)),
            "memory.gradient has 1 elements, expected 2");
  ComputeOptions options;
  options.memory.losses = absl::MakeSpan(floats);
  EXPECT_EQ(client.Compute(logits_, labels_, {}, options).status().message(),
            "memory.losses has 2 elements, expected 1");
  EXPECT_EQ(server_.last_call().count, 0);
}

TEST_F(ClientErrorsTest, RefusesImpossibleShapes) {
  const Client client = MakeClient();
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  for (const Shape& shape :
       std::vector<Shape>{{-1, 2}, {kHuge, 2}, {kHuge, 0, -1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}}) {
    const absl::Status status = client.Compute(ArrayView<float>({}, shape), labels_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("logits.shape = ["));
  }
  EXPECT_EQ(server_.last_call().count, 0);
}

TEST_F(ClientErrorsTest, RefusesARequestOverTheLimitBeforeSending) {
  ClientOptions options;
  options.max_message_bytes = 1000;
  const std::vector<float> values(250);
  const std::vector<int64_t> labels(1);
  const absl::Status status =
      MakeClient(options)
          .Compute(ArrayView<float>(values, {1, 250}), ArrayView<int64_t>(labels, {1}))
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("limit of 1000"), HasSubstr("ClientOptions::max_message_bytes"),
                    HasSubstr("--max-message-bytes"), HasSubstr("ComputeChunked")));
  EXPECT_EQ(server_.last_call().count, 0);
}

TEST_F(ClientErrorsTest, RefusesAnAnswerOverTheLimit) {
  ClientOptions options;
  options.max_message_bytes = 1000;
  v1::GetServerInfoResponse answer;
  answer.set_version(std::string(2000, 'x'));
  server_.AnswerWith(answer);
  const absl::Status status = MakeClient(options).GetServerInfo().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("1000"), HasSubstr("ClientOptions::max_message_bytes"),
                    HasSubstr("--max-message-bytes"), HasSubstr("ComputeChunked")));
}

TEST_F(ClientErrorsTest, RefusesOptionsThatMakeNoSense) {
  const auto message_with = [](void (*change)(ClientOptions*)) {
    ClientOptions options;
    change(&options);
    const absl::Status status = Client::Create(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message_with([](ClientOptions* o) { o->target.clear(); }), HasSubstr("target"));
  EXPECT_THAT(message_with([](ClientOptions* o) { o->deadline = absl::InfiniteDuration(); }),
              HasSubstr("deadline = inf"));
  EXPECT_THAT(message_with([](ClientOptions* o) { o->max_message_bytes = 0; }),
              HasSubstr("max_message_bytes = 0"));
  EXPECT_THAT(message_with([](ClientOptions* o) { o->max_message_bytes = int64_t{1} << 31; }),
              HasSubstr("max_message_bytes = 2147483648"));
  EXPECT_THAT(message_with([](ClientOptions* o) { o->stall_timeout = absl::ZeroDuration(); }),
              HasSubstr("stall_timeout = 0"));
  EXPECT_THAT(message_with([](ClientOptions* o) { o->stall_timeout = absl::InfiniteDuration(); }),
              HasSubstr("stall_timeout = inf"));
  EXPECT_THAT(message_with([](ClientOptions* o) {
                o->tls.emplace();
                o->tls->client_key = "key";
              }),
              HasSubstr("client_certificate"));
  EXPECT_THAT(message_with([](ClientOptions* o) {
                o->tls.emplace();
                o->tls->root_certificates = "/etc/ssl/ca.crt";
              }),
              HasSubstr("tls.root_certificates has no PEM, expected the text of a file"));
}

TEST_F(ClientErrorsTest, RefusesATokenThatWouldBeSeen) {
  ClientOptions options;
  options.token = "secret";
  options.target = "gpu-7:50051";
  absl::Status status = Client::Create(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("token would go to gpu-7:50051 in plain text, expected tls"),
                    Not(HasSubstr("secret"))));
  options.target = "ipv4:127.0.0.1:1,10.0.0.1:1";
  EXPECT_EQ(Client::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* target : {"localhost:1", "[::1]:1", "unix:/run/lossd.sock"}) {
    options.target = target;
    EXPECT_TRUE(Client::Create(options).ok()) << target;
  }
  options.target = "gpu-7:50051";
  options.plain_text_tokens = PlainTextTokens::kEverywhere;
  EXPECT_TRUE(Client::Create(options).ok());
  options.plain_text_tokens = PlainTextTokens::kToThisMachine;
  options.tls.emplace();
  EXPECT_TRUE(Client::Create(options).ok());
  options.token = "se cret\n";
  status = Client::Create(options).status();
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("token has a space"), Not(HasSubstr("cret"))));
}

TEST_F(ClientErrorsTest, SendsTheTokenWithEveryCall) {
  ClientOptions options;
  options.token = "dG9rZW4=";
  const Client client = MakeClient(options);
  EXPECT_TRUE(ComputeStatus(client).ok());
  EXPECT_EQ(server_.last_call().authorization, "Bearer dG9rZW4=");
  EXPECT_TRUE(ComputeStatus(MakeClient()).ok());
  EXPECT_THAT(server_.last_call().authorization, IsEmpty());
  v1::GetServerInfoResponse info;
  info.set_max_stream_window(2);
  server_.AnswerWith(info);
  auto stream = client.OpenStream<float>();
  ASSERT_TRUE(stream.ok()) << stream.status();
  // Of the stream itself, not of what was asked before it.
  EXPECT_TRUE(ComputeStatus(MakeClient()).ok());
  EXPECT_TRUE(stream->Send(logits_, labels_).ok());
  EXPECT_TRUE(stream->Receive().ok());
  EXPECT_EQ(server_.last_call().authorization, "Bearer dG9rZW4=");
}

TEST_F(ClientErrorsTest, DoesNotFallBackToPlainTextWhenTlsIsAskedFor) {
  ClientOptions options;
  options.tls.emplace();
  EXPECT_EQ(ComputeStatus(MakeClient(options)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.last_call().count, 0);
}

TEST(ClientWithoutServerTest, IsUnavailable) {
  std::string address;
  { address = testing::FakeServer().address(); }
  const absl::StatusOr<Client> client = Client::Create({address});
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->GetServerInfo().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lossd
