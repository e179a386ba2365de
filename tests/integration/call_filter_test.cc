// Filters, as they are asked and told of calls that come over gRPC.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "tests/integration/filter_notes.h"
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
constexpr std::chrono::milliseconds kPause(20);

// Fails where the labels are of one byte, and takes a while.
absl::StatusOr<v1::ComputeResponse> Answer(const v1::ComputeRequest& request,
                                           const rpc::CallContext&) {
  std::this_thread::sleep_for(kPause);
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
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].method, kCompute);
  EXPECT_TRUE(ended[0].status.ok());
  EXPECT_EQ(ended[0].costs.request_bytes, request.ByteSizeLong());
  EXPECT_EQ(ended[0].costs.response_bytes, SomeResponse().ByteSizeLong());
  EXPECT_GE(ended[0].costs.computing, kPause);
  EXPECT_GT(ended[0].costs.queued, std::chrono::nanoseconds(0));
  EXPECT_GT(ended[0].costs.lasted, ended[0].costs.queued + ended[0].costs.computing);
  EXPECT_THAT(notes.arrived(), ElementsAre(kCompute));
  EXPECT_THAT(notes.peer(), StartsWith("ipv4:127.0.0.1:"));
  EXPECT_EQ(notes.token(), "abc");
  EXPECT_THAT(notes.messages(), IsEmpty());
}

TEST(CallFilterTest, IsToldOfAnErrorAsTheHandlerSaidIt) {
  Notes notes;
  TestServer server(Answer, {}, {&notes});
  EXPECT_EQ(Compute(server.stub(), RequestOfBytes(1)).error_code(), grpc::StatusCode::INTERNAL);
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
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
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
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
    const std::vector<Notes::Told> ended = EndedOf(server, *notes);
    ASSERT_EQ(ended.size(), 2);
    for (const Notes::Told& told : ended) {
      EXPECT_EQ(told.status, absl::UnauthenticatedError("a token is missing"));
      EXPECT_EQ(told.costs.request_bytes, 0);
    }
  }
}

TEST(CallFilterTest, NoTimesAreMeasuredThatNoFilterWants) {
  Notes notes(absl::OkStatus(), Notes::Wants::kNothing);
  TestServer server(Answer, {}, {&notes});
  EXPECT_TRUE(Compute(server.stub(), RequestOfBytes(10)).ok());
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].costs.computing, std::chrono::nanoseconds(0));
  EXPECT_EQ(ended[0].costs.lasted, std::chrono::nanoseconds(0));
  EXPECT_GT(ended[0].costs.request_bytes, 0);
}

// Notes the size of the labels as a shape, and does as Answer() does.
absl::StatusOr<v1::ComputeResponse> Note(const v1::ComputeRequest& request,
                                         const rpc::CallContext& context) {
  if (context.notes != nullptr) {
    const auto bytes = static_cast<int64_t>(request.labels().data().size());
    *context.notes = {{"focal"}, {bytes}};
  }
  return Answer(request, context);
}

std::string IdOf(const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find("lossd-call-id");
  if (found == trailers.end()) return "(none)";
  return {found->second.data(), found->second.size()};
}

TEST(CallFilterTest, GetsTheIdThatTheClientGetsAndWhatTheMethodNoted) {
  Notes notes(absl::OkStatus(), Notes::Wants::kNotesAndIds);
  TestServer server(Note, {}, {&notes});
  std::vector<std::string> ids;
  for (const size_t bytes : {size_t{1}, kLargeRequestBytes}) {
    grpc::ClientContext context;
    v1::ComputeResponse response;
    server.stub().Compute(&context, RequestOfBytes(bytes), &response);
    ids.push_back(IdOf(context));
  }
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 2);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(ended[i].id, ids[i]);
    EXPECT_EQ(ended[i].id.size(), 16);
    EXPECT_THAT(ended[i].notes.losses, ElementsAre("focal"));
    EXPECT_EQ(ended[i].costs.messages, 1);
  }
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(ended[0].costs.failed_messages, 1);
  EXPECT_EQ(ended[1].costs.failed_messages, 0);
  EXPECT_THAT(ended[1].notes.shape, ElementsAre(kLargeRequestBytes));
}

TEST(CallFilterTest, AStreamHasOneIdTheNotesOfItsLastMessageAndTheNumberOfMessages) {
  Notes notes(absl::OkStatus(), Notes::Wants::kNotesAndIds);
  TestServer server(Note, {}, {&notes});
  OpenStream stream(server.stub());
  for (const size_t bytes : {size_t{1}, size_t{2}, size_t{3}}) {
    stream.Write(bytes, RequestOfBytes(bytes));
    stream.Read();
  }
  stream.Close();
  EXPECT_TRUE(stream.Ends());
  EXPECT_TRUE(stream.Finish().ok());
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].id, IdOf(stream.context()));
  EXPECT_THAT(ended[0].notes.shape, ElementsAre(3));
  EXPECT_EQ(ended[0].costs.messages, 3);
  EXPECT_EQ(ended[0].costs.failed_messages, 1);
  const std::vector<Notes::Told> messages = notes.messages();
  ASSERT_EQ(messages.size(), 3);
  EXPECT_EQ(messages[0].id, ended[0].id);
  for (const Notes::Told& message : messages) {
    EXPECT_THAT(message.notes.shape, ElementsAre(&message - messages.data() + 1));
  }
}

TEST(CallFilterTest, NotesAreMadeWithoutAnIdThatNoFilterWants) {
  Notes notes(absl::OkStatus(), Notes::Wants::kNotes);
  TestServer server(Note, {}, {&notes});
  grpc::ClientContext context;
  v1::ComputeResponse response;
  EXPECT_TRUE(server.stub().Compute(&context, RequestOfBytes(10), &response).ok());
  EXPECT_EQ(IdOf(context), "(none)");
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].id, "");
  EXPECT_THAT(ended[0].notes.losses, ElementsAre("focal"));
}

TEST(CallFilterTest, NoIdsAndNotesAreMadeThatNoFilterWants) {
  Notes notes;
  TestServer server(Note, {}, {&notes});
  grpc::ClientContext context;
  v1::ComputeResponse response;
  EXPECT_TRUE(server.stub().Compute(&context, RequestOfBytes(10), &response).ok());
  EXPECT_EQ(IdOf(context), "(none)");
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].id, "");
  EXPECT_TRUE(ended[0].notes.losses.empty());
}

TEST(CallFilterTest, ACallWithoutAMessageIsToldAsItEnded) {
  Notes notes;
  TestServer server(Answer, {}, {&notes});
  CallWithoutMessage(server.channel(), absl::StrCat("/", kCompute));
  const std::vector<Notes::Told> ended = EndedOf(server, notes);
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].status.message(), "the request message is missing or incomplete");
}

}  // namespace
}  // namespace lossd
