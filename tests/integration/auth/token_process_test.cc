// The program with a file of tokens, as its operator and its clients see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/auth/token_texts.h"
#include "tests/integration/child_process.h"
#include "tests/integration/raw_client.h"

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The program, with a token for "job" and one for "other".
class TokenProcessTest : public ::testing::Test {
 protected:
  explicit TokenProcessTest(std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--listen", "127.0.0.1:0", "--token-file", file_.path(),
                               "--drain-delay", "0s", "--max-connection-age", "1s"});
    process_ = std::make_unique<ChildProcess>(LOSSD_PROGRAM, flags);
    const std::string line = process_->ReadLine().value_or("");
    absl::string_view address = line;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << process_->ErrorOutput();
    channel_ = grpc::CreateChannel(std::string(address), grpc::InsecureChannelCredentials());
  }

  grpc::Status Call(const std::string& token) const {
    grpc::ClientContext context;
    Authorize(context, token);
    v1::ListLossesResponse response;
    return v1::LossService::NewStub(channel_)->ListLosses(&context, {}, &response);
  }

  // Waits until a token is known, or is none any more. Returns false after half a minute.
  bool WaitUntil(const std::string& token, grpc::StatusCode code) const {
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    while (Call(token).error_code() != code) {
      if (absl::Now() > give_up) return false;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return true;
  }

  bool WaitForLog(const std::string& text) const {
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    while (process_->ErrorOutput().find(text) == std::string::npos) {
      if (absl::Now() > give_up) return false;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return true;
  }

  std::string Stop() const {
    process_->Signal(SIGTERM);
    EXPECT_EQ(process_->Wait(), 0);
    return process_->ErrorOutput();
  }

  const std::string job_ = TokenLine("job", "secret of job");
  const std::string other_ = TokenLine("other", "secret of other");
  const TokenFile file_{job_ + other_};
  std::unique_ptr<ChildProcess> process_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(TokenProcessTest, EditingTheFileRevokesATokenAndNoOtherCallFails) {
  ASSERT_TRUE(Call("secret of job").ok());
  std::atomic<bool> stops = false;
  std::thread other([&] {
    while (!stops) {
      const grpc::Status status = Call("secret of other");
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
  });
  file_.Replace("job 123\n" + other_);
  EXPECT_TRUE(WaitForLog(file_.path() + ":1: the second word has 3 characters"));
  EXPECT_TRUE(Call("secret of job").ok()) << "a wrong file changes nothing";
  file_.Replace(other_);
  EXPECT_TRUE(WaitUntil("secret of job", grpc::StatusCode::UNAUTHENTICATED));
  file_.Replace(job_ + other_);
  EXPECT_TRUE(WaitUntil("secret of job", grpc::StatusCode::OK));
  stops = true;
  other.join();
  EXPECT_THAT(Stop(), AllOf(HasSubstr("the tokens were read again tokens=1"),
                            HasSubstr("the tokens were read again tokens=2"),
                            HasSubstr("the tokens cannot be read again and stay"),
                            Not(HasSubstr("secret"))));
}

TEST_F(TokenProcessTest, ASignalReadsThemAtOnceAndTellsOfEachFault) {
  file_.Replace("job 123\nother 456\n");
  process_->Signal(SIGHUP);
  for (const char* line : {":1: ", ":2: "}) {
    EXPECT_TRUE(
        WaitForLog("the tokens cannot be reloaded and stay error=\"" + file_.path() + line));
  }
  EXPECT_TRUE(Call("secret of job").ok());
  file_.Replace(TokenLine("job", "another"));
  process_->Signal(SIGHUP);
  EXPECT_TRUE(WaitForLog(" reloaded\n"));
  EXPECT_TRUE(Call("another").ok());
  EXPECT_EQ(Call("secret of job").error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(TokenProcessTest, TenThousandWrongOnesTakeNeitherMemoryNorLog) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 2500;
  ASSERT_TRUE(Call("secret of job").ok());
  [[maybe_unused]] const int64_t before = process_->MostResidentBytes();
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kCalls; ++j) {
        const grpc::Status status = Call(absl::StrCat("guess ", i * kCalls + j));
        if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) ++refused;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, kThreads * kCalls);
  EXPECT_TRUE(Call("secret of job").ok());
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // They take memory, too.
  EXPECT_LT(process_->MostResidentBytes() - before, 16 << 20);
#endif
  const std::string log = Stop();
  EXPECT_LT(std::count(log.begin(), log.end(), '\n'), 50);
  EXPECT_THAT(log, AllOf(HasSubstr("more="), HasSubstr("code=\"UNAUTHENTICATED\""),
                         HasSubstr("peer=\"ipv4:127.0.0.1:"), Not(HasSubstr("guess"))));
}

TEST_F(TokenProcessTest, ATokenMayBeLong) {
  const std::string token(12 << 10, 'x');
  file_.Replace(TokenLine("long", token));
  process_->Signal(SIGHUP);
  EXPECT_TRUE(WaitUntil(token, grpc::StatusCode::OK)) << Call(token).error_message();
  EXPECT_EQ(Call(token + "x").error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

class LoggedTokensTest : public TokenProcessTest {
 protected:
  LoggedTokensTest() : TokenProcessTest({"--access-log"}) {}
};

TEST_F(LoggedTokensTest, LogsHaveTheNameAndNotTheToken) {
  EXPECT_TRUE(Call("secret of job").ok());
  EXPECT_EQ(Call("secret of nobody").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext context;
  Authorize(context, "secret of other");
  v1::ComputeResponse response;
  EXPECT_EQ(v1::LossService::NewStub(channel_)->Compute(&context, {}, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  const std::string log = Stop();
  EXPECT_THAT(log, HasSubstr("ListLosses\" code=\"OK\" token=\"job\""));
  EXPECT_THAT(log, HasSubstr("Compute\" code=\"INVALID_ARGUMENT\" token=\"other\""));
  EXPECT_THAT(log,
              ::testing::ContainsRegex("call failed [^\n]*INVALID_ARGUMENT[^\n]*token=.other"));
  EXPECT_THAT(log, Not(HasSubstr("secret")));
}

TEST(TokenFileAtStartTest, AWrongOneEndsTheProgramWithALineForEachFault) {
  const TokenFile file("job secret\nsecret\n");
  ChildProcess process(LOSSD_PROGRAM, {"--listen", "127.0.0.1:0", "--token-file", file.path()});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.RestOfOutput(), ::testing::IsEmpty());
  EXPECT_THAT(
      process.ErrorOutput(),
      AllOf(HasSubstr(" error " + file.path() + ":1: the second word has 6 characters"),
            HasSubstr(" error " + file.path() + ":2: has 1 word"), Not(HasSubstr("secret"))));
}

// Returns what the program logs that starts with these flags, and stops.
std::string LogOf(const std::vector<std::string>& flags) {
  ChildProcess process(LOSSD_PROGRAM, flags);
  EXPECT_TRUE(process.ReadLine());
  process.Signal(SIGTERM);
  process.Wait();
  return process.ErrorOutput();
}

TEST(OpenServerTest, IsWarnedOfOnceAtTheStart) {
  const TokenFile file(TokenLine("job", "of job"));
  const std::string warning = "warning anybody who reaches the server may call it";
  const std::string open = LogOf({"--listen", "0.0.0.0:0,127.0.0.1:0", "--drain-delay", "0s"});
  EXPECT_THAT(open, ::testing::ContainsRegex(warning + "[^\n]* addresses=.0.0.0.0:[0-9]+.\n"));
  EXPECT_EQ(open.find(warning), open.rfind(warning));
  EXPECT_THAT(LogOf({"--listen", "127.0.0.1:0", "--drain-delay", "0s"}), Not(HasSubstr(warning)));
  EXPECT_THAT(LogOf({"--listen", "0.0.0.0:0", "--drain-delay", "0s", "--token-file", file.path()}),
              Not(HasSubstr(warning)));
}

}  // namespace
}  // namespace lossd
