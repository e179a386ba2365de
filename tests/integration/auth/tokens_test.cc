// Servers that want a token with each call.
#include "server/auth/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "server/auth/token_filter.h"
#include "server/threads/mutex.h"
#include "server/transport/grpc/raw_service.h"
#include "tests/integration/auth/token_texts.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ServerOptions WithTokens(const TokenFile& file) {
  ServerOptions options;
  options.token_file = file.path();
  return options;
}

grpc::Status GetServerInfo(v1::LossService::Stub& stub, const std::string& token) {
  grpc::ClientContext context;
  if (!token.empty()) Authorize(context, token);
  v1::GetServerInfoResponse response;
  return stub.GetServerInfo(&context, {}, &response);
}

TEST(TokensTest, EveryMethodNeedsOne) {
  const TokenFile file(TokenLine("job", "of job"));
  const TestServer server(WithTokens(file));
  const auto methods = transport::ServedMethods();
  ASSERT_EQ(methods.size(), 13);
  for (const google::protobuf::MethodDescriptor* method : methods) {
    const RawAnswer answer =
        CallRaw(server.channel(),
                absl::StrCat("/", method->service()->full_name(), "/", method->name()), "");
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << method->name();
    EXPECT_EQ(ErrorInfoOf(answer.status).reason(), "MISSING_TOKEN");
    EXPECT_THAT(answer.response, IsEmpty());
  }
}

TEST(TokensTest, AWrongOneIsUnknownAndARightOneIsAnswered) {
  const TokenFile file(TokenLine("job", "of job") + TokenLine("other", "of other"));
  TestServer server(WithTokens(file));
  for (const char* token : {"of job", "of other"}) {
    const grpc::Status status = GetServerInfo(server.stub(), token);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  for (const char* token : {"of nobody", "of jo", "of jobs", "OF JOB"}) {
    const grpc::Status status = GetServerInfo(server.stub(), token);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "UNKNOWN_TOKEN");
  }
}

TEST(TokensTest, ACallHasOneToken) {
  const TokenFile file(TokenLine("job", "of job"));
  TestServer server(WithTokens(file));
  for (const char* other : {"of job", "of nobody"}) {
    grpc::ClientContext context;
    Authorize(context, "of job");
    Authorize(context, other);
    v1::GetServerInfoResponse response;
    const grpc::Status status = server.stub().GetServerInfo(&context, {}, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "UNAUTHENTICATED");
  }
}

TEST(TokensTest, ACallIsRefusedBeforeItsMessageIsRead) {
  const TokenFile file(TokenLine("job", "of job"));
  const TestServer server(WithTokens(file));
  const grpc::Status status = StartWithoutMessage(server.channel(), "/lossd.v1.LossService/Compute",
                                                  [](grpc::ClientContext&) {});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << status.error_message();
}

TEST(TokensTest, HealthStaysOpen) {
  const TokenFile file(TokenLine("job", "of job"));
  const TestServer server(WithTokens(file));
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  const auto health = grpc::health::v1::Health::NewStub(server.channel());
  EXPECT_TRUE(health->Check(&context, {}, &response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST(TokensTest, ReflectionNeedsOne) {
  using Reflection = grpc::reflection::v1alpha::ServerReflection;
  const TokenFile file(TokenLine("job", "of job"));
  const TestServer server(WithTokens(file));
  const auto stub = Reflection::NewStub(server.channel());
  grpc::reflection::v1alpha::ServerReflectionRequest request;
  request.set_list_services("*");
  for (const std::string token : {"", "of nobody", "of job"}) {
    grpc::ClientContext context;
    if (!token.empty()) Authorize(context, token);
    const auto stream = stub->ServerReflectionInfo(&context);
    stream->Write(request);
    stream->WritesDone();
    grpc::reflection::v1alpha::ServerReflectionResponse response;
    const bool is_answered = stream->Read(&response);
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(is_answered, token == "of job") << token;
    if (is_answered) {
      EXPECT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(response.list_services_response().service_size(), 4);
    } else {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
      EXPECT_EQ(ErrorInfoOf(status).reason(), token.empty() ? "MISSING_TOKEN" : "UNKNOWN_TOKEN");
    }
  }
}

// A server whose handlers know what they hold, and whose tokens a test changes.
class OwnTokensTest : public ::testing::Test {
 protected:
  void Revoke(const std::string& others) {
    file_.Replace(others);
    ASSERT_TRUE(tokens_->Reload().ok());
  }

  const TokenFile file_{TokenLine("many", "of many") + TokenLine("few", "of few")};
  const std::unique_ptr<auth::Tokens> tokens_ = auth::Tokens::Read(file_.path()).value();
  auth::TokenFilter filter_{*tokens_};
};

TEST_F(OwnTokensTest, AStreamWhoseTokenIsRevokedEndsAtItsNextMessageWithWhatWasInFlight) {
  WaitingRoom room;
  ServerOptions options;
  options.threads = 2;
  TestServer server(room.AnswerLarge(), options, {&filter_});
  OpenStream revoked(server.stub(), "of many");
  OpenStream other(server.stub(), "of few");
  revoked.Write(1, RequestOfBytes(kLargeRequestBytes));
  other.Write(1, RequestOfBytes(kLargeRequestBytes));
  ASSERT_TRUE(room.WaitUntilEntered(2));
  Revoke(TokenLine("few", "of few"));
  revoked.Write(2, RequestOfBytes(1));
  other.Write(2, RequestOfBytes(1));
  room.Open();
  EXPECT_EQ(revoked.Read().response().valid_count(), kLargeRequestBytes);
  EXPECT_TRUE(revoked.Ends());
  const grpc::Status status = revoked.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "UNKNOWN_TOKEN");
  EXPECT_EQ(other.Read().response().valid_count(), kLargeRequestBytes);
  EXPECT_TRUE(other.Read().has_response());
  other.Close();
  EXPECT_TRUE(other.Ends());
  EXPECT_TRUE(other.Finish().ok());
}

// The sizes of the requests in the order in which they were computed.
class Order {
 public:
  void Add(size_t bytes) {
    const MutexLock lock(&mutex_);
    bytes_.push_back(bytes);
  }
  std::vector<size_t> bytes() const {
    const MutexLock lock(&mutex_);
    return bytes_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<size_t> bytes_ ABSL_GUARDED_BY(mutex_);
};

// A call of its own thread. Joined when it goes.
class Caller {
 public:
  Caller(const std::shared_ptr<grpc::Channel>& channel, const std::string& token, size_t bytes)
      : thread_([channel, token, bytes] {
          grpc::ClientContext context;
          Authorize(context, token);
          v1::ComputeResponse response;
          const grpc::Status status = v1::LossService::NewStub(channel)->Compute(
              &context, RequestOfBytes(bytes), &response);
          EXPECT_TRUE(status.ok()) << status.error_message();
        }) {}
  ~Caller() {
    if (thread_.joinable()) thread_.join();
  }
  Caller(Caller&&) = default;

 private:
  std::thread thread_;
};

TEST_F(OwnTokensTest, ATokenWithManyConnectionsHasNoMoreTurnsThanAnotherWithOne) {
  constexpr size_t kFirst = 1 << 20;
  constexpr size_t kOfMany = kFirst + 1;
  constexpr size_t kOfFew = kFirst + 2;
  constexpr int kConnections = 6;
  constexpr int kCallsOfFew = 3;
  ServerOptions options;
  options.threads = 1;
  options.max_message_bytes = 4 << 20;
  Gate gate;
  Order order;
  const ComputeAnswer compute =
      [&](const v1::ComputeRequest& request,
          const rpc::CallContext& context) -> absl::StatusOr<v1::ComputeResponse> {
    const size_t bytes = request.labels().data().size();
    if (bytes == kFirst) return gate.Answer(context);
    order.Add(bytes);
    return v1::ComputeResponse();
  };
  TestServer server(compute, options, {&filter_});
  std::vector<Caller> callers;
  callers.emplace_back(server.channel(), "of many", kFirst);
  ASSERT_TRUE(gate.WaitUntilEntered());
  for (int i = 0; i < kConnections; ++i) {
    callers.emplace_back(Connect(server.address()), "of many", kOfMany);
  }
  const auto connection = Connect(server.address());
  for (int i = 0; i < kCallsOfFew; ++i) callers.emplace_back(connection, "of few", kOfFew);
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  while (server.budget().use().busy < 1 + kConnections + kCallsOfFew && absl::Now() < give_up) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  // The last has arrived, and is about to wait. The server's one queue answers this after it.
  EXPECT_TRUE(GetServerInfo(server.stub(), "of few").ok());
  gate.Open();
  callers.clear();
  EXPECT_THAT(order.bytes(), ElementsAre(kOfFew, kOfMany, kOfFew, kOfMany, kOfFew, kOfMany, kOfMany,
                                         kOfMany, kOfMany));
}

}  // namespace
}  // namespace lossd
