// Filters, as they are asked and told of calls that come over gRPC.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kCompute[] = "lossd.v1.LossService/Compute";
constexpr char kComputeStream[] = "lossd.v1.LossService/ComputeStream";
constexpr absl::Duration kPause = absl::Milliseconds(20);

// Notes what it is asked and told.
class Notes final : public rpc::CallFilter {
 public:
  struct Told {
    std::string method;
    absl::Status status;
    rpc::CallCosts costs;
  };

  explicit Notes(absl::Status answer = absl::OkStatus(), bool wants_times = true)
      : answer_(std::move(answer)), wants_times_(wants_times) {}

  absl::Status Arrived(const rpc::CallInfo& call) override {
    const absl::MutexLock lock(&mutex_);
    arrived_.emplace_back(call.method());
    peer_ = call.Peer();
    const auto token = call.Metadata("x-token");
    token_ = token ? std::string(*token) : "(none)";
    return answer_;
  }
  void MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                       const rpc::CallCosts& costs) override {
    const absl::MutexLock lock(&mutex_);
    messages_.push_back({std::string(call.method()), status, costs});
  }
  void Ended(const rpc::CallInfo& call, const absl::Status& status,
             const rpc::CallCosts& costs) override {
    const absl::MutexLock lock(&mutex_);
    ended_.push_back({std::string(call.method()), status, costs});
  }
  bool WantsTimes() const override { return wants_times_; }

  std::vector<std::string> arrived() const {
    const absl::MutexLock lock(&mutex_);
    return arrived_;
  }
  std::string peer() const {
    const absl::MutexLock lock(&mutex_);
    return peer_;
  }
  std::string token() const {
    const absl::MutexLock lock(&mutex_);
    return token_;
  }
  std::vector<Told> messages() const {
    const absl::MutexLock lock(&mutex_);
    return messages_;
  }
  // Waits until `count` calls have ended, ten seconds at most: a call ends after its answer is
  // sent.
  std::vector<Told> ended(size_t count) const {
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return ended_.size() >= count;
    };
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
    return ended_;
  }

 private:
  const absl::Status answer_;
  const bool wants_times_;
  mutable absl::Mutex mutex_;
  std::vector<std::string> arrived_ ABSL_GUARDED_BY(mutex_);
  std::string peer_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
  std::vector<Told> messages_ ABSL_GUARDED_BY(mutex_);
  std::vector<Told> ended_ ABSL_GUARDED_BY(mutex_);
};

// Fails where the labels are of one byte, and takes a while.
absl::StatusOr<v1::ComputeResponse> Answer(const v1::ComputeRequest& request,
                                           const rpc::CallContext&) {
  absl::SleepFor(kPause);
  if (request.labels().data().size() == 1) return absl::InternalError("a secret");
  v1::ComputeResponse response;
  response.set_valid_count(7);
  return response;
}

grpc::Status Compute(v1::LossService::Stub& stub, const v1::ComputeRequest& request,
                     const std::string& token = "") {
  grpc::ClientContext context;
  if (!token.empty()) context.AddMetadata("x-token", token);
  v1::ComputeResponse response;
  return stub.Compute(&context, request, &response);
}

v1::ComputeResponse SomeResponse() {
  v1::ComputeResponse response;
  response.set_valid_count(7);
  return response;
}

TEST(CallFilterTest, IsAskedOnceAndToldOfASuccessWithWhatItTook) {
  Notes notes;
  TestServer server(Answer, {}, {&notes});
  const v1::ComputeRequest request = RequestOfBytes(kLargeRequestBytes);
  EXPECT_TRUE(Compute(server.stub(), request, "abc").ok());
  const std::vector<Notes::Told> ended = notes.ended(1);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].method, kCompute);
  EXPECT_TRUE(ended[0].status.ok());
  EXPECT_EQ(ended[0].costs.request_bytes, request.ByteSizeLong());
  EXPECT_EQ(ended[0].costs.response_bytes, SomeResponse().ByteSizeLong());
  EXPECT_GE(ended[0].costs.computing, kPause);
  EXPECT_GT(ended[0].costs.queued, absl::ZeroDuration());
  EXPECT_THAT(notes.arrived(), ElementsAre(kCompute));
  EXPECT_THAT(notes.peer(), StartsWith("ipv4:127.0.0.1:"));
  EXPECT_EQ(notes.token(), "abc");
  EXPECT_THAT(notes.messages(), IsEmpty());
}

TEST(CallFilterTest, IsToldOfAnErrorAsTheHandlerSaidIt) {
  Notes notes;
  TestServer server(Answer, {}, {&notes});
  EXPECT_EQ(Compute(server.stub(), RequestOfBytes(1)).error_code(), grpc::StatusCode::INTERNAL);
  const std::vector<Notes::Told> ended = notes.ended(1);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].status, absl::InternalError("a secret"));
  EXPECT_EQ(ended[0].costs.response_bytes, 0);
  EXPECT_EQ(notes.token(), "(none)");
}

TEST(CallFilterTest, IsToldOfEachMessageOfAStreamAndOnceOfTheStream) {
  Notes notes;
  TestServer server(Answer, {}, {&notes});
  OpenStream stream(server.stub());
  for (const size_t bytes : {size_t{1}, size_t{2}, kLargeRequestBytes}) {
    stream.Write(bytes, RequestOfBytes(bytes));
    stream.Read();
  }
  stream.Close();
  EXPECT_TRUE(stream.Ends());
  EXPECT_TRUE(stream.Finish().ok());
  const std::vector<Notes::Told> ended = notes.ended(1);
  ASSERT_EQ(ended.size(), 1);
  const std::vector<Notes::Told> messages = notes.messages();
  ASSERT_EQ(messages.size(), 3);
  EXPECT_EQ(messages[0].status, absl::InternalError("a secret"));
  rpc::CallCosts sum;
  for (const Notes::Told& message : messages) {
    EXPECT_EQ(message.method, kComputeStream);
    EXPECT_GE(message.costs.computing, kPause);
    sum += message.costs;
  }
  EXPECT_TRUE(messages[1].status.ok());
  EXPECT_GT(messages[2].costs.request_bytes, kLargeRequestBytes);
  EXPECT_TRUE(ended[0].status.ok());
  EXPECT_EQ(ended[0].costs.request_bytes, sum.request_bytes);
  EXPECT_EQ(ended[0].costs.response_bytes, sum.response_bytes);
  EXPECT_EQ(ended[0].costs.computing, sum.computing);
  EXPECT_THAT(notes.arrived(), ElementsAre(kComputeStream));
}

TEST(CallFilterTest, ARefusalEndsTheCallAndEveryFilterIsAskedAndTold) {
  Notes first;
  Notes refusing(absl::UnauthenticatedError("a token is missing"));
  Notes last(absl::UnavailableError("too late"));
  TestServer server(Answer, {}, {&first, &refusing, &last});
  const grpc::Status status = Compute(server.stub(), RequestOfBytes(10));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(status.error_message(), "a token is missing");
  OpenStream stream(server.stub());
  EXPECT_TRUE(stream.Ends());
  EXPECT_EQ(stream.Finish().error_message(), "a token is missing");
  for (const Notes* notes : {&first, &refusing, &last}) {
    EXPECT_THAT(notes->arrived(), ElementsAre(kCompute, kComputeStream));
    const std::vector<Notes::Told> ended = notes->ended(2);
    ASSERT_EQ(ended.size(), 2);
    for (const Notes::Told& told : ended) {
      EXPECT_EQ(told.status, absl::UnauthenticatedError("a token is missing"));
      EXPECT_EQ(told.costs.request_bytes, 0);
    }
  }
}

TEST(CallFilterTest, NoTimesAreMeasuredThatNoFilterWants) {
  Notes notes(absl::OkStatus(), /*wants_times=*/false);
  TestServer server(Answer, {}, {&notes});
  EXPECT_TRUE(Compute(server.stub(), RequestOfBytes(10)).ok());
  const std::vector<Notes::Told> ended = notes.ended(1);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].costs.computing, absl::ZeroDuration());
  EXPECT_GT(ended[0].costs.request_bytes, 0);
}

TEST(CallFilterTest, ACallWithoutAMessageIsToldAsItEnded) {
  Notes notes;
  const TestServer server(Answer, {}, {&notes});
  CallWithoutMessage(server.channel(), absl::StrCat("/", kCompute));
  const std::vector<Notes::Told> ended = notes.ended(1);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].status.message(), "the request message is missing or incomplete");
}

}  // namespace
}  // namespace lossd
