// The program with a configuration file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kProgram[] = LOSSD_PROGRAM;

// Waits for an entry of the log; returns false after half a minute.
bool WaitForLog(const ChildProcess& process, absl::string_view text) {
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (!absl::StrContains(process.ErrorOutput(), text)) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

class ConfigurationTest : public ::testing::Test {
 protected:
  ~ConfigurationTest() override { std::remove(path_.c_str()); }

  void Write(const std::string& text) const { std::ofstream(path_, std::ios::trunc) << text; }

  const std::string path_ =
      absl::StrCat(::testing::TempDir(), "lossd-configuration-", getpid(), ".yaml");
};

TEST_F(ConfigurationTest, ServesAsTheFileSaysAndLogsTheSettingsOnce) {
  Write("listen: [127.0.0.1:0]\nmax-message-bytes: 128MiB\nthreads: 3\ndrain-delay: 0s\n");
  ChildProcess process(kProgram, {"--threads", "2"}, {"LOSSD_CONFIG=" + path_});
  const std::string line = process.ReadLine().value_or("(the end)");
  absl::string_view address = line;
  ASSERT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << line << process.ErrorOutput();
  const auto stub = v1::LossService::NewStub(
      grpc::CreateChannel(std::string(address), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  const grpc::Status status = stub->GetServerInfo(&context, {}, &info);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(info.max_message_bytes(), 128 << 20);
  EXPECT_EQ(info.thread_count(), 2);
  process.Signal(SIGKILL);
  process.Wait();
  const std::string log = process.ErrorOutput();
  const std::vector<std::string> parts = absl::StrSplit(log, " info settings listen=");
  ASSERT_EQ(parts.size(), 2) << log;
  // 16 of the largest messages, which the server works out.
  EXPECT_EQ(info.max_in_flight_bytes(), int64_t{2} << 30);
  EXPECT_THAT(parts[1],
              AllOf(HasSubstr(" max-message-bytes=\"128MiB\" max-in-flight-bytes=\"2GiB\""),
                    HasSubstr(" threads=\"2\"")));
}

TEST_F(ConfigurationTest, AHangupTakesOverWhatMayChange) {
  Write("listen: [127.0.0.1:0]\ndrain-delay: 20s\nlog-level: info\nthreads: 1\n");
  ChildProcess process(kProgram, {"--config", path_});
  ASSERT_TRUE(process.ReadLine());
  Write("listen: [127.0.0.1:0]\ndrain-delay: 0s\nlog-level: warning\nthreads: 2\n");
  process.Signal(SIGHUP);
  EXPECT_TRUE(WaitForLog(process, "setting needs a restart to change setting=\"threads\""));
  Write("threads: many\n");
  process.Signal(SIGHUP);
  EXPECT_TRUE(WaitForLog(process, "error the configuration is wrong, no setting changes"));
  const absl::Time begin = absl::Now();
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15)) << "the delay is the one from the start";
  EXPECT_THAT(process.ErrorOutput(), AllOf(HasSubstr("setting changed setting=\"log-level\""),
                                           Not(HasSubstr("info stopping"))));
}

TEST_F(ConfigurationTest, WhatIsPrintedIsReadAgain) {
  ChildProcess process("/bin/sh",
                       {"-c",
                        "\"$0\" --print-config --threads 2 --listen '[::1]:0' --access-log | "
                        "LOSSD_CONFIG=/dev/stdin \"$0\" --print-config",
                        kProgram});
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.RestOfOutput(), AllOf(HasSubstr("listen: [\"[::1]:0\"]  # /dev/stdin:2\n"),
                                            HasSubstr("threads: 2  # /dev/stdin:"),
                                            HasSubstr("access-log: on  # /dev/stdin:")));
}

}  // namespace
}  // namespace lossd
