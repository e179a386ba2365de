// Server reflection, as tools find it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "tests/integration/filter_notes.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kReflectionMethod[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

// Fields of a ServerReflectionRequest.
constexpr int kFileContainingSymbol = 4;
constexpr int kListServices = 7;

// A ServerReflectionRequest by hand: the field's number and text.
std::string ReflectionRequest(int field, const std::string& text) {
  return std::string{static_cast<char>(field << 3 | 2), static_cast<char>(text.size())} + text;
}

TEST(ReflectionTest, ListsTheServices) {
  const TestServer server;
  const RawAnswer answer =
      CallRaw(server.channel(), kReflectionMethod, ReflectionRequest(kListServices, "*"));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_THAT(answer.response, HasSubstr("lossd.v1.LossService"));
  EXPECT_THAT(answer.response, HasSubstr("lossd.v1.RunService"));
  EXPECT_THAT(answer.response, HasSubstr("grpc.health.v1.Health"));
  EXPECT_THAT(answer.response, HasSubstr("grpc.reflection.v1alpha.ServerReflection"));
}

TEST(ReflectionTest, DescribesServicesAndErrorDetails) {
  const TestServer server;
  const std::pair<const char*, const char*> cases[] = {
      {"lossd.v1.LossService", "MeasureInformation"},
      {"lossd.v1.RunService", "ExportRunSamples"},
      {"lossd.v1.LossSpec", "generalized_cross_entropy"},
      {"grpc.health.v1.Health", "HealthCheckRequest"},
      {"google.rpc.BadRequest", "FieldViolation"},
      {"google.rpc.ErrorInfo", "metadata"},
  };
  for (const auto& [symbol, content] : cases) {
    const RawAnswer answer = CallRaw(server.channel(), kReflectionMethod,
                                     ReflectionRequest(kFileContainingSymbol, symbol));
    ASSERT_TRUE(answer.status.ok()) << symbol << ": " << answer.status.error_message();
    EXPECT_THAT(answer.response, HasSubstr(content)) << symbol;
  }
}

// A call of reflection, and its answers to one request after the other.
class ReflectionCall {
 public:
  using Stub = grpc::reflection::v1alpha::ServerReflection;
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;

  explicit ReflectionCall(const TestServer& server)
      : stub_(Stub::NewStub(server.channel())), stream_(stub_->ServerReflectionInfo(&context_)) {}

  Response Ask(const Request& request) {
    Response response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }
  bool IsAnswered(const Request& request) {
    Response response;
    stream_->Write(request);
    return stream_->Read(&response);
  }
  grpc::Status Finish() {
    stream_->WritesDone();
    return stream_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<Stub::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
};

TEST(ReflectionTest, AnswersOneRequestAfterTheOtherWithFilesOrErrors) {
  const TestServer server;
  ReflectionCall call(server);
  ReflectionCall::Request request;
  request.set_host("a.host");
  request.set_file_by_filename("lossd/v1/catalogue.proto");
  const ReflectionCall::Response file = call.Ask(request);
  EXPECT_EQ(file.valid_host(), "a.host");
  EXPECT_EQ(file.original_request().file_by_filename(), "lossd/v1/catalogue.proto");
  std::set<std::string> names;
  for (const std::string& bytes : file.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto proto;
    ASSERT_TRUE(proto.ParseFromString(bytes));
    EXPECT_TRUE(names.insert(proto.name()).second) << proto.name() << " comes twice";
  }
  EXPECT_THAT(names, ::testing::IsSupersetOf({"lossd/v1/catalogue.proto", "lossd/v1/tensor.proto",
                                              "google/protobuf/duration.proto"}));
  request.set_file_containing_symbol("lossd.v1.NoSuchMessage");
  const ReflectionCall::Response unknown = call.Ask(request);
  EXPECT_EQ(unknown.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(unknown.error_response().error_message(), HasSubstr("lossd.v1.NoSuchMessage"));
  request.set_all_extension_numbers_of_type("lossd.v1.Tensor");
  EXPECT_TRUE(call.Ask(request).has_all_extension_numbers_response());
  request.mutable_file_containing_extension()->set_containing_type("lossd.v1.Tensor");
  EXPECT_EQ(call.Ask(request).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  request.Clear();
  EXPECT_EQ(call.Ask(request).error_response().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(call.Finish().ok());
}

TEST(ReflectionTest, ALargeRequestIsNotLookedAt) {
  const TestServer server;
  ReflectionCall call(server);
  ReflectionCall::Request request;
  constexpr size_t kHeaders = 3 + 3;  // of both texts
  request.set_host(std::string(2000, 'x'));
  request.set_file_by_filename(std::string(4096 - kHeaders - 2000, 'x'));
  EXPECT_EQ(call.Ask(request).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  request.mutable_file_by_filename()->push_back('x');
  EXPECT_FALSE(call.IsAnswered(request));
  const grpc::Status status = call.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "the request has 4097 bytes, expected 4096 at most");
  EXPECT_EQ(ErrorInfoOf(status).reason(), "LIMIT_EXCEEDED");
  EXPECT_EQ(CallRaw(server.channel(), kReflectionMethod, "\x0b").status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(ReflectionTest, FiltersAreToldOfCallsAndMayRefuseThem) {
  for (const absl::Status& answer : {absl::OkStatus(), absl::PermissionDeniedError("not you")}) {
    Notes notes(answer);
    TestServer server([](const auto&, const auto&) { return v1::ComputeResponse(); }, {}, {&notes});
    const RawAnswer answered =
        CallRaw(server.channel(), kReflectionMethod, ReflectionRequest(kListServices, "*"));
    EXPECT_EQ(answered.status.ok(), answer.ok());
    EXPECT_EQ(answered.response.empty(), !answer.ok());
    const std::vector<Notes::Told> ended = EndedOf(server, notes);
    EXPECT_THAT(notes.arrived(), ElementsAre(kReflectionMethod + 1));
    ASSERT_EQ(ended.size(), 1);
    EXPECT_EQ(ended[0].method, kReflectionMethod + 1);
    EXPECT_EQ(ended[0].status, answer);
  }
}

TEST(ReflectionTest, AServerWithoutItHasNoSuchService) {
  ServerOptions options;
  options.reflection = false;
  const TestServer server(options);
  const RawAnswer answer =
      CallRaw(server.channel(), kReflectionMethod, ReflectionRequest(kListServices, "*"));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("grpc.reflection.v1alpha.ServerReflection");
  HealthCheckResponse response;
  const auto health = Health::NewStub(server.channel());
  EXPECT_EQ(health->Check(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace lossd
