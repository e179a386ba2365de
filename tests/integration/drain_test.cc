// The program, from the signal to its end, and where the system gives it little.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "server/transport/descriptor.h"
#include "tests/integration/child_process.h"
#include "tests/integration/raw_client.h"

namespace lossd {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;
using transport::Descriptor;

constexpr char kProgram[] = LOSSD_PROGRAM;

std::string ReadAddress(const ChildProcess& process) {
  const std::string line = process.ReadLine().value_or("(the end)");
  absl::string_view address = line;
  EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << line << process.ErrorOutput();
  return std::string(address);
}

// Waits for an entry of the log; returns false after half a minute.
bool WaitForLog(const ChildProcess& process, absl::string_view text) {
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (!absl::StrContains(process.ErrorOutput(), text)) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// A channel of its own over all addresses, which takes turns.
std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetLoadBalancingPolicyName("round_robin");
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 1);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::GetServerInfoResponse response;
  return v1::LossService::NewStub(channel)->GetServerInfo(&context, {}, &response);
}

TEST(DrainTest, OfTwoServersOneStopsAndNoCallIsLost) {
  const std::vector<std::string> arguments = {"--listen", "127.0.0.1:0",          "--drain-delay",
                                              "200ms",    "--max-connection-age", "500ms"};
  ChildProcess stays(kProgram, arguments);
  ChildProcess stops(kProgram, arguments);
  const auto channel = Connect(absl::StrCat("ipv4:", ReadAddress(stays), ",", ReadAddress(stops)));
  std::atomic<bool> stopped = false;
  std::atomic<int> calls = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!stopped) {
        const grpc::Status status = Call(channel);
        EXPECT_TRUE(status.ok()) << status.error_message();
        ++calls;
        absl::SleepFor(absl::Milliseconds(1));
      }
    });
  }
  while (calls < 200) absl::SleepFor(absl::Milliseconds(1));
  stops.Signal(SIGTERM);
  EXPECT_EQ(stops.Wait(), 0);
  EXPECT_THAT(stops.ErrorOutput(), HasSubstr("cancelled_calls=\"none\""));
  stopped = true;
  for (std::thread& caller : callers) caller.join();
}

// Health says NOT_SERVING from the signal on, while everything is answered as before.
TEST(DrainTest, DuringTheDelayEverythingIsAnswered) {
  ChildProcess process(kProgram, {"--listen", "127.0.0.1:0", "--drain-delay", "20s"});
  const std::string address = ReadAddress(process);
  const auto channel = Connect(absl::StrCat("ipv4:", address));
  grpc::ClientContext context;
  const auto watch = Health::NewStub(channel)->Watch(&context, {});
  HealthCheckResponse health;
  ASSERT_TRUE(watch->Read(&health));
  EXPECT_EQ(health.status(), HealthCheckResponse::SERVING);
  process.Signal(SIGTERM);
  ASSERT_TRUE(watch->Read(&health));
  EXPECT_EQ(health.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_TRUE(Call(channel).ok());
  EXPECT_TRUE(Call(Connect(absl::StrCat("ipv4:", address))).ok());
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 128 + SIGTERM);
  EXPECT_FALSE(watch->Finish().ok());
}

TEST(DrainTest, ACallThatHasSentNothingDelaysNothing) {
  ChildProcess process(kProgram, {"--listen", "127.0.0.1:0", "--drain-delay", "0s",
                                  "--max-connection-age", "500ms", "--drain-timeout", "1h"});
  const auto channel = Connect(absl::StrCat("ipv4:", ReadAddress(process)));
  ASSERT_TRUE(Call(channel).ok());
  const auto stub = v1::LossService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->ComputeStream(&context);
  const absl::Time start = absl::Now();
  const grpc::Status cut =
      StartWithoutMessage(channel, "/lossd.v1.LossService/Compute", [&](grpc::ClientContext&) {
        ASSERT_TRUE(Call(channel).ok());
        process.Signal(SIGTERM);
        EXPECT_EQ(process.Wait(), 0);
      });
  EXPECT_FALSE(cut.ok());
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
  EXPECT_FALSE(stream->Finish().ok());
}

TEST(DrainTest, AHangupIsNoStop) {
  ChildProcess process(kProgram, {"--listen", "127.0.0.1:0", "--drain-delay", "0s"});
  const std::string address = ReadAddress(process);
  process.Signal(SIGHUP);
  EXPECT_TRUE(WaitForLog(process, "reloaded"));
  process.Signal(SIGHUP);
  EXPECT_TRUE(Call(Connect(absl::StrCat("ipv4:", address))).ok());
  process.Signal(SIGKILL);
  EXPECT_EQ(process.Wait(), -SIGKILL);
}

// The program under limits of open files.
std::vector<std::string> WithLimits(const std::string& limits) {
  return {"-c", absl::StrCat(limits, "; exec \"$0\" --listen 127.0.0.1:0"), kProgram};
}

std::vector<std::shared_ptr<grpc::Channel>> ConnectMany(const std::string& address, int count) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < count; ++i) {
    channels.push_back(Connect(absl::StrCat("ipv4:", address)));
    channels.back()->GetState(/*try_to_connect=*/true);
  }
  return channels;
}

TEST(DescriptorsTest, TheSoftLimitIsRaised) {
  ChildProcess process("/bin/sh", WithLimits("ulimit -Sn 64"));
  for (const auto& channel : ConnectMany(ReadAddress(process), 100)) {
    EXPECT_TRUE(Call(channel).ok());
  }
}

TEST(DescriptorsTest, WhereThereAreTooFewConnectionsAreRefusedAndOthersServedLater) {
  ChildProcess process("/bin/sh", WithLimits("ulimit -n 96"));
  const std::string address = ReadAddress(process);
  EXPECT_TRUE(WaitForLog(process, "fewer connections than --max-connections"));
  {
    int answered = 0;
    int refused = 0;
    for (const auto& channel : ConnectMany(address, 150)) {
      const grpc::Status status = Call(channel);
      if (status.ok()) {
        ++answered;
      } else {
        EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
        ++refused;
      }
    }
    EXPECT_GT(answered, 0);
    EXPECT_GT(refused, 0);
  }
  const auto channel = Connect(absl::StrCat("ipv4:", address));
  EXPECT_TRUE(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30)));
  EXPECT_TRUE(Call(channel).ok());
}

// Makes the sockets that listen in another process deaf. Returns false where that is not allowed.
bool MakeDeaf(pid_t pid) {
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return false;
  bool done = false;
  for (int number = 0; number < 256; ++number) {
    const Descriptor copy(static_cast<int>(syscall(SYS_pidfd_getfd, process.number(), number, 0)));
    int listens = 0;
    socklen_t length = sizeof(listens);
    if (!copy || getsockopt(copy.number(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0) {
      continue;
    }
    if (listens != 0) done = shutdown(copy.number(), SHUT_RDWR) == 0;
  }
  return done;
}

TEST(DeafTest, AServerThatTakesNoConnectionsSaysSoAndEndsInAnError) {
  ChildProcess process(kProgram, {"--listen", "127.0.0.1:0", "--drain-delay", "0s",
                                  "--max-connection-age", "500ms"});
  const auto channel = Connect(absl::StrCat("ipv4:", ReadAddress(process)));
  grpc::ClientContext context;
  const auto watch = Health::NewStub(channel)->Watch(&context, {});
  HealthCheckResponse health;
  ASSERT_TRUE(watch->Read(&health));
  if (!MakeDeaf(process.pid())) GTEST_SKIP() << "this system keeps processes apart";
  ASSERT_TRUE(watch->Read(&health));
  EXPECT_EQ(health.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_FALSE(watch->Finish().ok());
  EXPECT_THAT(process.ErrorOutput(), HasSubstr("accepts no connections any more"));
}

}  // namespace
}  // namespace lossd
