// The program as its users start and stop it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kProgram[] = LOSSD_PROGRAM;

// The arguments of a server that stops soon: its clients are told to leave after a second.
std::vector<std::string> Quick(std::vector<std::string> others = {}) {
  others.insert(others.end(),
                {"--listen", "127.0.0.1:0", "--drain-delay", "0s", "--max-connection-age", "1s"});
  return others;
}

// The address of the next line "listening on ADDRESS".
std::string ReadAddress(ChildProcess& process) {
  const std::string line = process.ReadLine().value_or("(the end)");
  absl::string_view address = line;
  EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << line << process.ErrorOutput();
  return std::string(address);
}

std::unique_ptr<v1::LossService::Stub> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return v1::LossService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

v1::GetServerInfoResponse GetServerInfo(const std::string& address) {
  grpc::ClientContext context;
  v1::GetServerInfoResponse response;
  const grpc::Status status = Connect(address)->GetServerInfo(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

TEST(ProcessTest, PrintsARealAddressServesThereAndStopsAtASignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ChildProcess process(kProgram, Quick());
    const std::string address = ReadAddress(process);
    EXPECT_THAT(address, Not(::testing::EndsWith(":0")));
    EXPECT_FALSE(GetServerInfo(address).version().empty());
    process.Signal(signal);
    EXPECT_EQ(process.Wait(), 0);
    EXPECT_THAT(process.RestOfOutput(), IsEmpty());
    EXPECT_THAT(process.ErrorOutput(), AllOf(HasSubstr("serving"), HasSubstr("stopped")));
  }
}

TEST(ProcessTest, TakesFlagsFromTheEnvironment) {
  const std::string path = absl::StrCat("/tmp/lossd-process-", getpid(), ".sock");
  ChildProcess process(
      kProgram, {"--threads", "2"},
      {"LOSSD_LISTEN=127.0.0.1:0,unix:" + path, "LOSSD_MAX_MESSAGE_BYTES=3MiB", "LOSSD_THREADS=7"});
  const std::string address = ReadAddress(process);
  EXPECT_EQ(ReadAddress(process), "unix:" + path);
  for (const std::string& one : {address, "unix:" + path}) {
    const v1::GetServerInfoResponse info = GetServerInfo(one);
    EXPECT_EQ(info.max_message_bytes(), 3 << 20);
    EXPECT_EQ(info.thread_count(), 2);
  }
}

// A request that takes long to answer and has gone over the wire fast: many losses on one batch.
v1::CompareRequest LongRequest() {
  constexpr int kRows = 65536;
  constexpr int kClasses = 32;
  v1::CompareRequest request;
  request.mutable_logits()->add_shape(kRows);
  request.mutable_logits()->add_shape(kClasses);
  request.mutable_logits()->set_data(std::string(std::size_t{4} * kRows * kClasses, '\0'));
  request.mutable_labels()->set_data_type(v1::DATA_TYPE_UINT8);
  request.mutable_labels()->add_shape(kRows);
  request.mutable_labels()->set_data(std::string(kRows, '\1'));
  for (int i = 0; i < 32; ++i) request.add_losses()->mutable_focal()->set_gamma(0.5 + i);
  return request;
}

TEST(ProcessTest, ASignalWithACallInFlightFinishesTheCall) {
  ChildProcess process(kProgram, Quick({"--threads", "1"}));
  const std::string address = ReadAddress(process);
  const auto stub = Connect(address);
  grpc::Status status;
  v1::CompareResponse response;
  std::atomic<bool> returned = false;
  std::thread caller([&] {
    grpc::ClientContext context;
    status = stub->Compare(&context, LongRequest(), &response);
    returned = true;
  });
  // Well past the start of the process and the request's way to it.
  const double idle = process.CpuSeconds();
  while (process.CpuSeconds() < idle + 0.1) absl::SleepFor(absl::Milliseconds(1));
  process.Signal(SIGTERM);
  EXPECT_FALSE(returned) << "the request is too short to test anything";
  EXPECT_EQ(process.Wait(), 0);
  caller.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.comparisons_size(), 32);
  EXPECT_THAT(process.ErrorOutput(), HasSubstr("cancelled_calls=\"none\""));
}

v1::ComputeRequest GradientRequest(int64_t rows, int64_t classes) {
  v1::ComputeRequest request;
  request.mutable_logits()->set_data_type(v1::DATA_TYPE_FLOAT32);
  request.mutable_logits()->add_shape(rows);
  request.mutable_logits()->add_shape(classes);
  request.mutable_logits()->set_data(std::string(static_cast<size_t>(4 * rows * classes), '\0'));
  request.mutable_labels()->set_data_type(v1::DATA_TYPE_UINT8);
  request.mutable_labels()->add_shape(rows);
  request.mutable_labels()->set_data(std::string(static_cast<size_t>(rows), '\1'));
  request.mutable_outputs()->set_gradient(true);
  return request;
}

// The most bytes that a new process has beside those of an idle one while it answers a few times.
int64_t PeakOfCalls(const v1::ComputeRequest& request) {
  ChildProcess process(kProgram, Quick({"--threads", "2"}));
  const auto stub = Connect(ReadAddress(process));
  const int64_t idle = process.ResidentBytes();
  for (int i = 0; i < 5; ++i) {
    grpc::ClientContext context;
    v1::ComputeResponse response;
    const grpc::Status status = stub->Compute(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.gradient().data().size(), request.logits().data().size());
  }
  const int64_t most = process.MostResidentBytes();
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
  return most - idle;
}

// The request is given up while its gradient, as large as it, is made. On a busy machine a process
// may hold the end of one answer when the next request comes, so that the least of some counts;
// where nothing is given up, none has less than both.
TEST(ProcessTest, ALargeRequestAndItsGradientTakeLessMemoryThanTheirSize) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes memory of its own";
#endif
  const v1::ComputeRequest request = GradientRequest(15000, 1024);
  const auto size = static_cast<int64_t>(request.logits().data().size());
  int64_t least = PeakOfCalls(request);
  for (int i = 1; i < 5 && least >= 2 * size; ++i) least = std::min(least, PeakOfCalls(request));
  EXPECT_GT(least, size) << "the request is in there";
  EXPECT_LT(least, 2 * size) << "of " << size << " a request";
}

TEST(ProcessTest, ASignalEndsAnOpenStreamThatIsIdle) {
  ChildProcess process(kProgram, Quick());
  const auto stub = Connect(ReadAddress(process));
  grpc::ClientContext context;
  const auto stream = stub->ComputeStream(&context);
  v1::ComputeStreamResponse answer;
  EXPECT_TRUE(stream->Write({}));
  EXPECT_TRUE(stream->Read(&answer));
  process.Signal(SIGTERM);
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.ErrorOutput(), HasSubstr("cancelled_calls=\"none\""));
}

TEST(ProcessTest, ASecondSignalExitsAtOnce) {
  ChildProcess process(kProgram, Quick({"--threads", "1"}));
  const std::string address = ReadAddress(process);
  const auto stub = Connect(address);
  grpc::Status status;
  std::thread caller([&] {
    v1::CompareRequest request = LongRequest();
    grpc::ClientContext context;
    v1::CompareResponse response;
    status = stub->Compare(&context, request, &response);
  });
  const double idle = process.CpuSeconds();
  while (process.CpuSeconds() < idle + 0.1) absl::SleepFor(absl::Milliseconds(1));
  process.Signal(SIGTERM);
  // The first is being handled once it is in the log.
  while (!absl::StrContains(process.ErrorOutput(), "stopping")) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 128 + SIGTERM);
  caller.join();
  EXPECT_FALSE(status.ok());
}

// In a container lossd is process 1, whose children all orphans become.
TEST(ProcessTest, AChildThatItDidNotStartLeavesNothingWhenItEnds) {
  ChildProcess process("/bin/sh", {"-c",
                                   "sleep 1000 >/dev/null 2>&1 & echo $!; exec \"$0\" --listen "
                                   "127.0.0.1:0 --drain-delay 0s",
                                   kProgram});
  const pid_t child = std::stoi(process.ReadLine().value_or("0"));
  ReadAddress(process);
  ASSERT_GT(child, 1);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (kill(child, 0) == 0 && absl::Now() < end) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(kill(child, 0), -1) << "a zombie is left";
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

TEST(ProcessTest, APortInUseEndsItWithAnErrorThatNamesTheAddress) {
  ChildProcess first(kProgram, Quick());
  const std::string address = ReadAddress(first);
  ChildProcess second(kProgram, {"--listen", address});
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_THAT(second.RestOfOutput(), IsEmpty());
  EXPECT_THAT(second.ErrorOutput(),
              AllOf(HasSubstr("cannot listen at " + address), HasSubstr("Address already in use")));
  EXPECT_FALSE(GetServerInfo(address).version().empty());
}

TEST(ProcessTest, BadFlagsAndVariablesEndItWithAUsageError) {
  ChildProcess flag(kProgram, {"--threads", "many"});
  EXPECT_EQ(flag.Wait(), 2);
  EXPECT_THAT(flag.ErrorOutput(), HasSubstr("--threads: 'many'"));
  ChildProcess variable(kProgram, {}, {"LOSSD_LOG_FORMAT=xml"});
  EXPECT_EQ(variable.Wait(), 2);
  EXPECT_THAT(variable.ErrorOutput(), HasSubstr("LOSSD_LOG_FORMAT: 'xml'"));
}

TEST(ProcessTest, VersionPrintsItAndExits) {
  ChildProcess process(kProgram, {"--version"});
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.RestOfOutput(), ::testing::MatchesRegex("lossd [0-9.]+\n"));
}

TEST(ProcessTest, InJsonEveryLogLineIsAnObjectAndStdoutStaysPlain) {
  ChildProcess process(kProgram, Quick({"--log-format", "json"}));
  const std::string address = ReadAddress(process);
  grpc::ClientContext context;
  v1::ComputeResponse response;
  v1::ComputeRequest request;
  request.mutable_logits()->set_data("not a tensor");
  EXPECT_FALSE(Connect(address)->Compute(&context, request, &response).ok());
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);

  const std::string log = process.ErrorOutput();
  const std::vector<std::string> lines = absl::StrSplit(log, '\n', absl::SkipEmpty());
  EXPECT_GE(lines.size(), 4) << log;
  bool call_logged = false;
  for (const std::string& line : lines) {
    google::protobuf::Struct object;
    const auto status = google::protobuf::util::JsonStringToMessage(line, &object);
    ASSERT_TRUE(status.ok()) << line;
    EXPECT_EQ(object.fields().count("time"), 1) << line;
    EXPECT_EQ(object.fields().count("level"), 1) << line;
    EXPECT_EQ(object.fields().count("message"), 1) << line;
    const auto method = object.fields().find("method");
    if (method == object.fields().end()) continue;
    call_logged = method->second.string_value() == "lossd.v1.LossService/Compute";
  }
  EXPECT_TRUE(call_logged) << log;
}

}  // namespace
}  // namespace lossd
