// The entries that the program writes, as objects.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tests/integration/log/program.h"

namespace lossd {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

using JsonObject = google::protobuf::Map<std::string, google::protobuf::Value>;

// Returns the lines of a log in JSON, each of which must be an object.
std::vector<JsonObject> ObjectsOf(const std::string& log) {
  std::vector<JsonObject> objects;
  for (absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    google::protobuf::Struct object;
    const auto status = google::protobuf::util::JsonStringToMessage(std::string(line), &object);
    EXPECT_TRUE(status.ok()) << line;
    objects.push_back(object.fields());
  }
  return objects;
}

// Returns the access log's objects.
std::vector<JsonObject> CallsOf(const std::string& log) {
  std::vector<JsonObject> calls;
  for (JsonObject& object : ObjectsOf(log)) {
    if (object["message"].string_value() == "call") calls.push_back(std::move(object));
  }
  return calls;
}

v1::ComputeRequest SmallRequest() {
  v1::ComputeRequest request;
  request.mutable_loss()->mutable_focal()->set_gamma(2);
  request.mutable_logits()->add_shape(2);
  request.mutable_logits()->add_shape(3);
  for (const double z : {2, 1, 0, 0, 1, 2}) request.mutable_logits()->add_float_values(z);
  for (const int64_t label : {0, 0}) request.mutable_labels()->add_int_values(label);
  return request;
}

TEST(LogEntriesTest, TheAccessLogHasALineForACallAndTheClientItsId) {
  Program program(kRun, FlagsOfAccessLog("on"));
  const auto context = Context();
  context->AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  v1::ComputeResponse response;
  const grpc::Status status = program.stub().Compute(context.get(), SmallRequest(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(program.Stop(), 0);

  std::vector<JsonObject> calls = CallsOf(program.process().ErrorOutput());
  ASSERT_EQ(calls.size(), 1);
  const auto text = [&](const char* name) { return calls[0][name].string_value(); };
  const auto number = [&](const char* name) { return calls[0][name].number_value(); };
  const auto& trailers = context->GetServerTrailingMetadata();
  const auto id = trailers.find("lossd-call-id");
  ASSERT_NE(id, trailers.end());
  EXPECT_EQ(text("call_id"), std::string(id->second.data(), id->second.size()));
  EXPECT_EQ(text("method"), "lossd.v1.LossService/Compute");
  EXPECT_EQ(text("code"), "OK");
  EXPECT_EQ(text("losses"), "focal");
  EXPECT_EQ(text("shape"), "[2, 3]");
  EXPECT_EQ(text("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(text("parent_id"), "00f067aa0ba902b7");
  EXPECT_EQ(number("request_bytes"), static_cast<double>(SmallRequest().ByteSizeLong()));
  EXPECT_EQ(number("response_bytes"), static_cast<double>(response.ByteSizeLong()));
  EXPECT_EQ(number("messages"), 1);
}

TEST(LogEntriesTest, TheAccessLogHasALineForAStreamWithItsMessages) {
  Program program(kRun, FlagsOfAccessLog("on"));
  const auto context = Context();
  const auto stream = program.stub().ComputeStream(context.get());
  v1::ComputeStreamRequest request;
  v1::ComputeStreamResponse answer;
  *request.mutable_request() = SmallRequest();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(stream->Write(request));
    EXPECT_TRUE(stream->Read(&answer));
  }
  EXPECT_TRUE(stream->Write({}));
  EXPECT_TRUE(stream->Read(&answer));
  EXPECT_TRUE(answer.has_error());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(program.Stop(), 0);

  std::vector<JsonObject> calls = CallsOf(program.process().ErrorOutput());
  ASSERT_EQ(calls.size(), 1);
  EXPECT_EQ(calls[0]["code"].string_value(), "OK");
  EXPECT_EQ(calls[0]["messages"].number_value(), 4);
  EXPECT_EQ(calls[0]["failed_messages"].number_value(), 1);
  EXPECT_EQ(calls[0]["shape"].string_value(), "[2, 3]");
  EXPECT_EQ(context->GetServerTrailingMetadata().count("lossd-call-id"), 1);
}

TEST(LogEntriesTest, WithoutAnAccessLogACallThatEndsWellIsNoEntryAndHasNoId) {
  Program program(kRun, {"--log-level", "warning"});
  const auto context = Context();
  v1::ComputeResponse response;
  EXPECT_TRUE(program.stub().Compute(context.get(), SmallRequest(), &response).ok());
  EXPECT_EQ(context->GetServerTrailingMetadata().count("lossd-call-id"), 0);
  EXPECT_EQ(program.Stop(), 0);
  EXPECT_EQ(program.process().ErrorOutput(), "");
}

// protobuf writes to stderr itself, unless it is told where to, and takes a client's fault for its
// program's.
TEST(LogEntriesTest, WhatProtobufSaysIsAnEntryTooAndNoErrorOfTheServer) {
  Program program(kRun, FlagsOfAccessLog("off"));
  v1::ComputeRequest request = SmallRequest();
  request.set_run("no UTF-8: \xff");
  v1::ComputeResponse response;
  EXPECT_FALSE(program.stub().Compute(Context().get(), request, &response).ok());
  EXPECT_EQ(program.Stop(), 0);
  std::vector<std::string> sources;
  for (JsonObject& object : ObjectsOf(program.process().ErrorOutput())) {
    EXPECT_NE(object["level"].string_value(), "error");
    sources.push_back(object["source"].string_value());
    if (sources.back() != "protobuf") continue;
    EXPECT_EQ(object["level"].string_value(), "warning");
    EXPECT_EQ(object["message"].string_value(), "a request has a text that is no UTF-8");
    EXPECT_THAT(object["error"].string_value(), HasSubstr("lossd.v1.ComputeRequest.run"));
  }
  EXPECT_THAT(sources, Contains("protobuf"));
}

}  // namespace
}  // namespace lossd
