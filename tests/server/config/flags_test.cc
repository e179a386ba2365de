#include "server/config/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace lossd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using Variables = std::map<std::string, std::string>;

FlagsOutcome Parse(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  return ParseFlags(arguments, [&](absl::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

// Returns what a refused command line prints.
std::string Refusal(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  const FlagsOutcome outcome = Parse(arguments, variables);
  if (!outcome.exit) return "accepted";
  EXPECT_EQ(outcome.exit->code, 2);
  EXPECT_THAT(outcome.exit->standard_output, IsEmpty());
  return outcome.exit->standard_error;
}

TEST(ParseFlagsTest, HasDefaults) {
  const FlagsOutcome outcome = Parse({});
  ASSERT_FALSE(outcome.exit);
  EXPECT_THAT(outcome.flags.listen, ElementsAre("0.0.0.0:50051"));
  EXPECT_EQ(outcome.flags.max_message_bytes, 67108864);
  EXPECT_EQ(outcome.flags.threads, 0);
  EXPECT_EQ(outcome.flags.log_format, LogFormat::kText);
  EXPECT_EQ(outcome.flags.max_in_flight_bytes, 0);
  EXPECT_EQ(outcome.flags.max_connections, 10000);
  EXPECT_EQ(outcome.flags.max_streams_per_connection, 100);
  EXPECT_EQ(outcome.flags.max_connection_age, absl::Seconds(15));
  EXPECT_EQ(outcome.flags.stall_timeout, absl::Seconds(60));
  EXPECT_EQ(outcome.flags.min_ping_interval, absl::Seconds(1));
  EXPECT_EQ(outcome.flags.drain_delay, absl::Seconds(5));
  EXPECT_EQ(outcome.flags.drain_timeout, absl::Seconds(25));
  EXPECT_EQ(outcome.flags.log_level, LogLevel::kInfo);
  EXPECT_FALSE(outcome.flags.access_log);
}

TEST(ParseFlagsTest, ReadsWhatBoundsTheService) {
  const FlagsOutcome outcome = Parse({"--max-in-flight-bytes",
                                      "512MiB",
                                      "--max-connections",
                                      "7",
                                      "--max-streams-per-connection",
                                      "8",
                                      "--max-connection-age",
                                      "1m30s",
                                      "--stall-timeout",
                                      "9s",
                                      "--min-ping-interval",
                                      "250ms",
                                      "--drain-delay",
                                      "0s",
                                      "--drain-timeout",
                                      "10s",
                                      "--log-level",
                                      "warning",
                                      "--access-log",
                                      "on"});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_EQ(outcome.flags.max_in_flight_bytes, 512 << 20);
  EXPECT_EQ(outcome.flags.max_connections, 7);
  EXPECT_EQ(outcome.flags.max_streams_per_connection, 8);
  EXPECT_EQ(outcome.flags.max_connection_age, absl::Seconds(90));
  EXPECT_EQ(outcome.flags.stall_timeout, absl::Seconds(9));
  EXPECT_EQ(outcome.flags.min_ping_interval, absl::Milliseconds(250));
  EXPECT_EQ(outcome.flags.drain_delay, absl::ZeroDuration());
  EXPECT_EQ(outcome.flags.drain_timeout, absl::Seconds(10));
  EXPECT_EQ(outcome.flags.log_level, LogLevel::kWarning);
  EXPECT_TRUE(outcome.flags.access_log);
}

TEST(ParseFlagsTest, RefusesBadBoundsOfTheService) {
  EXPECT_THAT(Refusal({"--max-in-flight-bytes", "0"}), HasSubstr("'0' is not a size from 1KiB"));
  EXPECT_THAT(Refusal({"--max-connections", "0"}),
              HasSubstr("'0' is not a whole number from 1 to 1000000"));
  EXPECT_THAT(Refusal({"--stall-timeout", "60"}),
              HasSubstr("'60' is not a time from 100ms to 20 days, with a unit"));
  EXPECT_THAT(Refusal({"--max-connection-age", "21d"}), HasSubstr("'21d' is not a time"));
  EXPECT_THAT(Refusal({"--min-ping-interval", "0s"}), HasSubstr("'0s' is not a time"));
  EXPECT_THAT(Refusal({"--log-level", "loud"}),
              HasSubstr("'loud' is not debug, info, warning or error"));
  EXPECT_THAT(Refusal({"--access-log", "yes"}), HasSubstr("'yes' is not on or off"));
}

TEST(ParseFlagsTest, RefusesFlagsThatContradictEachOther) {
  EXPECT_THAT(Refusal({"--max-in-flight-bytes", "32MiB"}),
              StartsWith("lossd: --max-in-flight-bytes: 33554432 bytes are less than "
                         "--max-message-bytes, 67108864"));
  EXPECT_THAT(Refusal({"--drain-delay", "30s"}),
              StartsWith("lossd: --drain-delay: 30s is longer than --drain-timeout, 25s"));
}

TEST(ParseFlagsTest, ReadsEveryFlag) {
  const FlagsOutcome outcome =
      Parse({"--listen", "127.0.0.1:0", "--listen=unix:/tmp/lossd.sock", "--max-message-bytes",
             "8MiB", "--threads", "3", "--log-format", "json"});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_THAT(outcome.flags.listen, ElementsAre("127.0.0.1:0", "unix:/tmp/lossd.sock"));
  EXPECT_EQ(outcome.flags.max_message_bytes, 8388608);
  EXPECT_EQ(outcome.flags.threads, 3);
  EXPECT_EQ(outcome.flags.log_format, LogFormat::kJson);
}

TEST(ParseFlagsTest, ReadsEveryVariable) {
  const FlagsOutcome outcome = Parse({}, {{"LOSSD_LISTEN", "127.0.0.1:0, [::1]:7"},
                                          {"LOSSD_MAX_MESSAGE_BYTES", "2048"},
                                          {"LOSSD_THREADS", "5"},
                                          {"LOSSD_LOG_FORMAT", "json"}});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_THAT(outcome.flags.listen, ElementsAre("127.0.0.1:0", "[::1]:7"));
  EXPECT_EQ(outcome.flags.max_message_bytes, 2048);
  EXPECT_EQ(outcome.flags.threads, 5);
  EXPECT_EQ(outcome.flags.log_format, LogFormat::kJson);
}

TEST(ParseFlagsTest, TheCommandLineBeatsTheEnvironment) {
  const FlagsOutcome outcome =
      Parse({"--threads", "2", "--listen", "127.0.0.1:1"}, {{"LOSSD_THREADS", "nonsense"},
                                                            {"LOSSD_LISTEN", "127.0.0.1:2"},
                                                            {"LOSSD_MAX_MESSAGE_BYTES", "1MiB"}});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_EQ(outcome.flags.threads, 2);
  EXPECT_THAT(outcome.flags.listen, ElementsAre("127.0.0.1:1"));
  EXPECT_EQ(outcome.flags.max_message_bytes, 1048576);
}

TEST(ParseFlagsTest, AnEmptyVariableIsNone) {
  const FlagsOutcome outcome = Parse({}, {{"LOSSD_THREADS", ""}, {"LOSSD_LISTEN", ""}});
  ASSERT_FALSE(outcome.exit);
  EXPECT_EQ(outcome.flags.threads, 0);
  EXPECT_THAT(outcome.flags.listen, ElementsAre("0.0.0.0:50051"));
}

TEST(ParseFlagsTest, TheLastOfARepeatedFlagCounts) {
  const FlagsOutcome outcome = Parse({"--threads", "2", "--threads", "4"});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_EQ(outcome.flags.threads, 4);
}

TEST(ParseFlagsTest, RefusesBadValuesByTheNameOfTheFlag) {
  EXPECT_THAT(Refusal({"--listen", "localhost"}),
              StartsWith("lossd: --listen: 'localhost' is no address with a port"));
  EXPECT_THAT(Refusal({"--max-message-bytes", "64 potatoes"}),
              StartsWith("lossd: --max-message-bytes: '64 potatoes' is not a size from 1KiB"));
  EXPECT_THAT(Refusal({"--max-message-bytes", "1023"}), HasSubstr("'1023' is not a size"));
  EXPECT_THAT(Refusal({"--max-message-bytes", "2GiB"}), HasSubstr("'2GiB' is not a size"));
  EXPECT_THAT(Refusal({"--threads", "many"}),
              StartsWith("lossd: --threads: 'many' is not a whole number from 0 to 1024"));
  EXPECT_THAT(Refusal({"--threads=-1"}), HasSubstr("'-1' is not a whole number"));
  EXPECT_THAT(Refusal({"--threads", "1,2"}), HasSubstr("'1,2' is not a whole number"));
  EXPECT_THAT(Refusal({"--log-format", "yaml"}),
              StartsWith("lossd: --log-format: 'yaml' is not text or json"));
}

TEST(ParseFlagsTest, RefusesBadValuesByTheNameOfTheVariable) {
  EXPECT_THAT(Refusal({}, {{"LOSSD_THREADS", "many"}}), StartsWith("lossd: LOSSD_THREADS: 'many'"));
  EXPECT_THAT(Refusal({}, {{"LOSSD_LISTEN", "127.0.0.1:0,,"}}),
              StartsWith("lossd: LOSSD_LISTEN: '' is no address"));
  EXPECT_THAT(Refusal({}, {{"LOSSD_MAX_MESSAGE_BYTES", "big"}}),
              StartsWith("lossd: LOSSD_MAX_MESSAGE_BYTES: 'big'"));
  EXPECT_THAT(Refusal({}, {{"LOSSD_LOG_FORMAT", "TEXT!"}}),
              StartsWith("lossd: LOSSD_LOG_FORMAT: 'TEXT!'"));
}

TEST(ParseFlagsTest, AcceptsTheEdgesOfRanges) {
  EXPECT_EQ(Parse({"--max-message-bytes", "1KiB"}).flags.max_message_bytes, 1024);
  EXPECT_EQ(Parse({"--max-message-bytes", "2147483647"}).flags.max_message_bytes, 2147483647);
  EXPECT_EQ(Parse({"--threads", "1024"}).flags.threads, 1024);
}

TEST(ParseFlagsTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(Refusal({"--listne", "127.0.0.1:0"}), HasSubstr("--listne"));
  EXPECT_THAT(Refusal({"serve"}), HasSubstr("serve"));
  EXPECT_THAT(Refusal({"--threads"}), HasSubstr("--threads"));
}

TEST(ParseFlagsTest, VersionAndHelpExitWithSuccess) {
  const FlagsOutcome version = Parse({"--version"});
  ASSERT_TRUE(version.exit);
  EXPECT_EQ(version.exit->code, 0);
  EXPECT_THAT(version.exit->standard_output, ::testing::MatchesRegex("lossd [0-9.]+\n"));

  const FlagsOutcome help = Parse({"--help"});
  ASSERT_TRUE(help.exit);
  EXPECT_EQ(help.exit->code, 0);
  for (const char* name : {"--drain-delay", "LOSSD_DRAIN_DELAY", "--listen", "LOSSD_LISTEN",
                           "--max-message-bytes", "LOSSD_MAX_MESSAGE_BYTES", "--threads",
                           "LOSSD_THREADS", "--log-format", "LOSSD_LOG_FORMAT", "--version"}) {
    EXPECT_THAT(help.exit->standard_output, HasSubstr(name));
  }
}

}  // namespace
}  // namespace lossd
