#include "server/config/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/config/config_file.h"

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Variables = std::map<std::string, std::string>;

ConfigurationOutcome Parse(const std::vector<std::string>& arguments,
                           const Variables& variables = {}) {
  return Configure(arguments, [&](absl::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

// Returns what a refused command line prints.
std::string Refusal(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  const ConfigurationOutcome outcome = Parse(arguments, variables);
  if (!outcome.exit) return "accepted";
  EXPECT_EQ(outcome.exit->code, 2);
  EXPECT_THAT(outcome.exit->standard_output, IsEmpty());
  return outcome.exit->standard_error;
}

TEST(ConfigureTest, HasDefaults) {
  const ConfigurationOutcome outcome = Parse({});
  ASSERT_FALSE(outcome.exit);
  EXPECT_THAT(outcome.configuration.settings.listen, ElementsAre("0.0.0.0:50051"));
  EXPECT_EQ(outcome.configuration.settings.max_message_bytes, 67108864);
  EXPECT_EQ(outcome.configuration.settings.threads, 0);
  EXPECT_EQ(outcome.configuration.settings.log_format, LogFormat::kText);
  EXPECT_EQ(outcome.configuration.settings.max_in_flight_bytes, 0);
  EXPECT_EQ(outcome.configuration.settings.max_connections, 10000);
  EXPECT_EQ(outcome.configuration.settings.max_streams_per_connection, 100);
  EXPECT_EQ(outcome.configuration.settings.max_connection_age, absl::Seconds(15));
  EXPECT_EQ(outcome.configuration.settings.stall_timeout, absl::Seconds(60));
  EXPECT_EQ(outcome.configuration.settings.min_ping_interval, absl::Seconds(1));
  EXPECT_EQ(outcome.configuration.settings.drain_delay, absl::Seconds(5));
  EXPECT_EQ(outcome.configuration.settings.drain_timeout, absl::Seconds(25));
  EXPECT_EQ(outcome.configuration.settings.log_level, LogLevel::kInfo);
  EXPECT_FALSE(outcome.configuration.settings.access_log);
}

TEST(ConfigureTest, ReadsWhatBoundsTheService) {
  const ConfigurationOutcome outcome = Parse({"--max-in-flight-bytes",
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
  EXPECT_EQ(outcome.configuration.settings.max_in_flight_bytes, 512 << 20);
  EXPECT_EQ(outcome.configuration.settings.max_connections, 7);
  EXPECT_EQ(outcome.configuration.settings.max_streams_per_connection, 8);
  EXPECT_EQ(outcome.configuration.settings.max_connection_age, absl::Seconds(90));
  EXPECT_EQ(outcome.configuration.settings.stall_timeout, absl::Seconds(9));
  EXPECT_EQ(outcome.configuration.settings.min_ping_interval, absl::Milliseconds(250));
  EXPECT_EQ(outcome.configuration.settings.drain_delay, absl::ZeroDuration());
  EXPECT_EQ(outcome.configuration.settings.drain_timeout, absl::Seconds(10));
  EXPECT_EQ(outcome.configuration.settings.log_level, LogLevel::kWarning);
  EXPECT_TRUE(outcome.configuration.settings.access_log);
}

TEST(ConfigureTest, RefusesBadBoundsOfTheService) {
  EXPECT_THAT(Refusal({"--max-in-flight-bytes", "0"}), HasSubstr("'0' is not a size from 1KiB"));
  EXPECT_THAT(Refusal({"--max-connections", "0"}),
              HasSubstr("'0' is not a whole number from 1 to 1000000"));
  EXPECT_THAT(Refusal({"--stall-timeout", "60"}),
              HasSubstr("'60' is not a time from 100ms to 480h, with a unit"));
  EXPECT_THAT(Refusal({"--max-connection-age", "21d"}), HasSubstr("'21d' is not a time"));
  EXPECT_THAT(Refusal({"--min-ping-interval", "0s"}), HasSubstr("'0s' is not a time"));
  EXPECT_THAT(Refusal({"--log-level", "loud"}),
              HasSubstr("'loud' is not debug, info, warning or error"));
  EXPECT_THAT(Refusal({"--access-log", "yes"}), HasSubstr("'yes' is not on or off"));
}

TEST(ConfigureTest, RefusesFlagsThatContradictEachOther) {
  EXPECT_THAT(Refusal({"--max-in-flight-bytes", "32MiB"}),
              StartsWith("lossd: --max-in-flight-bytes: 33554432 bytes are less than the 67108864 "
                         "of --max-message-bytes"));
  EXPECT_THAT(Refusal({"--drain-delay", "30s"}),
              StartsWith("lossd: --drain-delay: 30s are longer than the 25s of --drain-timeout"));
}

TEST(ConfigureTest, ReadsTheNamesOfFiles) {
  const ConfigurationOutcome outcome = Parse({"--tls-cert", "/run/a b.crt", "--tls-key=server.key"},
                                             {{"LOSSD_TLS_CLIENT_CA", "clients.crt"}});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_EQ(outcome.configuration.settings.tls_cert, "/run/a b.crt");
  EXPECT_EQ(outcome.configuration.settings.tls_key, "server.key");
  EXPECT_EQ(outcome.configuration.settings.tls_client_ca, "clients.crt");
  EXPECT_THAT(PrintConfiguration(outcome.configuration),
              HasSubstr("tls-cert: \"/run/a b.crt\"  # --tls-cert\n"));
  const ConfigurationOutcome none = Parse({"--tls-cert", "none"}, {{"LOSSD_TLS_CERT", "a.crt"}});
  ASSERT_FALSE(none.exit) << none.exit->standard_error;
  EXPECT_THAT(none.configuration.settings.tls_cert, IsEmpty());
}

TEST(ConfigureTest, RefusesCertificatesThatAreNotComplete) {
  EXPECT_THAT(Refusal({"--tls-cert", "server.crt"}),
              StartsWith("lossd: --tls-cert: is set without --tls-key, expected both or neither"));
  EXPECT_THAT(Refusal({}, {{"LOSSD_TLS_KEY", "server.key"}}),
              StartsWith("lossd: LOSSD_TLS_KEY: is set without --tls-cert"));
  EXPECT_THAT(Refusal({"--tls-client-ca", "clients.crt"}),
              StartsWith("lossd: --tls-client-ca: is set without --tls-cert and --tls-key, which "
                         "it needs"));
  EXPECT_THAT(Refusal({"--tls-cert", ""}), HasSubstr("'' is not none, or a file's name"));
}

TEST(ConfigureTest, ReadsEveryFlag) {
  const ConfigurationOutcome outcome =
      Parse({"--listen", "127.0.0.1:0", "--listen=unix:/tmp/lossd.sock", "--max-message-bytes",
             "8MiB", "--threads", "3", "--log-format", "json"});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_THAT(outcome.configuration.settings.listen,
              ElementsAre("127.0.0.1:0", "unix:/tmp/lossd.sock"));
  EXPECT_EQ(outcome.configuration.settings.max_message_bytes, 8388608);
  EXPECT_EQ(outcome.configuration.settings.threads, 3);
  EXPECT_EQ(outcome.configuration.settings.log_format, LogFormat::kJson);
}

TEST(ConfigureTest, ReadsEveryVariable) {
  const ConfigurationOutcome outcome = Parse({}, {{"LOSSD_LISTEN", "127.0.0.1:0, [::1]:7"},
                                                  {"LOSSD_MAX_MESSAGE_BYTES", "2048"},
                                                  {"LOSSD_THREADS", "5"},
                                                  {"LOSSD_LOG_FORMAT", "json"}});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_THAT(outcome.configuration.settings.listen, ElementsAre("127.0.0.1:0", "[::1]:7"));
  EXPECT_EQ(outcome.configuration.settings.max_message_bytes, 2048);
  EXPECT_EQ(outcome.configuration.settings.threads, 5);
  EXPECT_EQ(outcome.configuration.settings.log_format, LogFormat::kJson);
}

TEST(ConfigureTest, TheCommandLineBeatsTheEnvironment) {
  const ConfigurationOutcome outcome =
      Parse({"--threads", "2", "--listen", "127.0.0.1:1"}, {{"LOSSD_THREADS", "nonsense"},
                                                            {"LOSSD_LISTEN", "127.0.0.1:2"},
                                                            {"LOSSD_MAX_MESSAGE_BYTES", "1MiB"}});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_EQ(outcome.configuration.settings.threads, 2);
  EXPECT_THAT(outcome.configuration.settings.listen, ElementsAre("127.0.0.1:1"));
  EXPECT_EQ(outcome.configuration.settings.max_message_bytes, 1048576);
}

TEST(ConfigureTest, AnEmptyVariableIsNone) {
  const ConfigurationOutcome outcome = Parse({}, {{"LOSSD_THREADS", ""}, {"LOSSD_LISTEN", ""}});
  ASSERT_FALSE(outcome.exit);
  EXPECT_EQ(outcome.configuration.settings.threads, 0);
  EXPECT_THAT(outcome.configuration.settings.listen, ElementsAre("0.0.0.0:50051"));
}

TEST(ConfigureTest, TheLastOfARepeatedFlagCounts) {
  const ConfigurationOutcome outcome = Parse({"--threads", "2", "--threads", "4"});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  EXPECT_EQ(outcome.configuration.settings.threads, 4);
}

TEST(ConfigureTest, RefusesBadValuesByTheNameOfTheFlag) {
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

TEST(ConfigureTest, RefusesBadValuesByTheNameOfTheVariable) {
  EXPECT_THAT(Refusal({}, {{"LOSSD_THREADS", "many"}}), StartsWith("lossd: LOSSD_THREADS: 'many'"));
  EXPECT_THAT(Refusal({}, {{"LOSSD_LISTEN", "127.0.0.1:0,,"}}),
              StartsWith("lossd: LOSSD_LISTEN: '' is no address"));
  EXPECT_THAT(Refusal({}, {{"LOSSD_MAX_MESSAGE_BYTES", "big"}}),
              StartsWith("lossd: LOSSD_MAX_MESSAGE_BYTES: 'big'"));
  EXPECT_THAT(Refusal({}, {{"LOSSD_LOG_FORMAT", "TEXT!"}}),
              StartsWith("lossd: LOSSD_LOG_FORMAT: 'TEXT!'"));
}

TEST(ConfigureTest, AcceptsTheEdgesOfRanges) {
  EXPECT_EQ(Parse({"--max-message-bytes", "1KiB"}).configuration.settings.max_message_bytes, 1024);
  EXPECT_EQ(Parse({"--max-message-bytes", "2147483647"}).configuration.settings.max_message_bytes,
            2147483647);
  EXPECT_EQ(Parse({"--threads", "1024"}).configuration.settings.threads, 1024);
}

TEST(ConfigureTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(Refusal({"--listne", "127.0.0.1:0"}), HasSubstr("--listne"));
  EXPECT_THAT(Refusal({"serve"}), HasSubstr("serve"));
  EXPECT_THAT(Refusal({"--threads"}), HasSubstr("--threads"));
}

TEST(ConfigureTest, VersionAndHelpExitWithSuccess) {
  const ConfigurationOutcome version = Parse({"--version"});
  ASSERT_TRUE(version.exit);
  EXPECT_EQ(version.exit->code, 0);
  EXPECT_THAT(version.exit->standard_output, ::testing::MatchesRegex("lossd [0-9.]+\n"));

  const ConfigurationOutcome help = Parse({"--help"});
  ASSERT_TRUE(help.exit);
  EXPECT_EQ(help.exit->code, 0);
  for (const Setting& setting : SettingTable()) {
    EXPECT_THAT(help.exit->standard_output, HasSubstr(setting.Flag() + " "));
    EXPECT_THAT(help.exit->standard_output,
                HasSubstr("(" + setting.Variable() + "; " + setting.Range() +
                          "; default: " + setting.Print(Settings()) + ")"));
  }
  for (const char* name : {"--version", "--config FILE", "LOSSD_CONFIG", "--print-config"}) {
    EXPECT_THAT(help.exit->standard_output, HasSubstr(name));
  }
}

// A configuration file of the test's.
class File {
 public:
  explicit File(const std::string& text)
      : path_(::testing::TempDir() + "lossd-" + std::to_string(getpid()) + ".yaml") {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~File() { std::remove(path_.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

TEST(ConfigureTest, TheFileIsBeatenByTheEnvironmentAndThatByAFlag) {
  const File file("threads: 1\nmax-connections: 1\ndrain-delay: 1s\n");
  const ConfigurationOutcome outcome =
      Parse({"--config", file.path(), "--threads", "3"},
            {{"LOSSD_THREADS", "2"}, {"LOSSD_MAX_CONNECTIONS", "2"}});
  ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
  const Settings& settings = outcome.configuration.settings;
  EXPECT_EQ(settings.threads, 3);
  EXPECT_EQ(settings.max_connections, 2);
  EXPECT_EQ(settings.drain_delay, absl::Seconds(1));
  EXPECT_EQ(settings.max_streams_per_connection, 100);
}

TEST(ConfigureTest, EverySettingIsReadFromEachSource) {
  // Another value than the default, by name.
  const std::map<std::string, std::string> others = {{"listen", "127.0.0.1:0,unix:/x"},
                                                     {"max-message-bytes", "1MiB"},
                                                     {"max-in-flight-bytes", "2GiB"},
                                                     {"max-connections", "7"},
                                                     {"max-streams-per-connection", "8"},
                                                     {"max-connection-age", "9s"},
                                                     {"stall-timeout", "10s"},
                                                     {"min-ping-interval", "11s"},
                                                     {"accept-compressed", "on"},
                                                     {"tls-cert", "server.crt"},
                                                     {"tls-key", "server.key"},
                                                     {"tls-client-ca", "clients.crt"},
                                                     {"token-file", "tokens.txt"},
                                                     {"no-reflection", "on"},
                                                     {"drain-delay", "12s"},
                                                     {"drain-timeout", "13s"},
                                                     {"threads", "14"},
                                                     {"log-format", "json"},
                                                     {"log-level", "error"},
                                                     {"access-log", "on"},
                                                     {"metrics-listen", "127.0.0.1:0"},
                                                     {"runs", "none"},
                                                     {"runs-sync", "full"},
                                                     {"runs-on-failure", "answer"},
                                                     {"runs-max-bytes", "2GiB"},
                                                     {"runs-max-age", "15m"},
                                                     {"runs-request-ids", "16"},
                                                     {"web-listen", "127.0.0.1:0"}};
  // What is refused alone.
  const std::map<std::string, Variables> beside = {
      {"tls-cert", {{"LOSSD_TLS_KEY", "server.key"}}},
      {"tls-key", {{"LOSSD_TLS_CERT", "server.crt"}}},
      {"tls-client-ca", {{"LOSSD_TLS_CERT", "server.crt"}, {"LOSSD_TLS_KEY", "server.key"}}}};
  for (const Setting& setting : SettingTable()) {
    const std::string name(setting.name);
    const std::string& other = others.at(name);
    const Variables needed = beside.count(name) > 0 ? beside.at(name) : Variables();
    const File file(ConfigLine(setting, other) + "\n");
    for (auto [arguments, variables] : {
             std::pair<std::vector<std::string>, Variables>{{setting.Flag(), other}, {}},
             {{}, {{setting.Variable(), other}}},
             {{"--config", file.path()}, {}},
             {{}, {{"LOSSD_CONFIG", file.path()}}},
         }) {
      variables.insert(needed.begin(), needed.end());
      const ConfigurationOutcome outcome = Parse(arguments, variables);
      ASSERT_FALSE(outcome.exit) << outcome.exit->standard_error;
      for (const Setting& one : SettingTable()) {
        const bool is_set = &one == &setting || needed.count(one.Variable()) > 0;
        EXPECT_EQ(one.Print(outcome.configuration.settings),
                  is_set ? others.at(std::string(one.name)) : one.Print(Settings()))
            << one.name << " with " << setting.name;
      }
    }
  }
}

TEST(ConfigureTest, ReadsWhereRunsAreKeptAndPrintsNoPassword) {
  for (const char* store : {"none", "memory", "sqlite:/runs.db", "redis://host:1/2"}) {
    const ConfigurationOutcome outcome = Parse({"--runs", store});
    ASSERT_FALSE(outcome.exit) << store;
    EXPECT_EQ(outcome.configuration.settings.runs, store);
  }
  const ConfigurationOutcome outcome = Parse({"--runs", "redis://me:secret@host"});
  ASSERT_FALSE(outcome.exit);
  EXPECT_EQ(outcome.configuration.settings.runs, "redis://me:secret@host");
  EXPECT_THAT(Parse({"--runs", "redis://me:secret@host", "--print-config"}).exit->standard_output,
              AllOf(HasSubstr("redis://***@host"), Not(HasSubstr("secret"))));
  EXPECT_THAT(Parse({"--runs", "sqlite:/a@b.db", "--print-config"}).exit->standard_output,
              HasSubstr("sqlite:/a@b.db"));
  for (const char* store : {"", "sqlite:", "sqlite", "file:x", "rediss://:secret@host",
                            "redis:me:secret@host", "redis:secret://x@host"}) {
    EXPECT_THAT(Refusal({"--runs", store}), AllOf(HasSubstr("--runs"), Not(HasSubstr("secret"))))
        << store;
  }
}

TEST(ConfigureTest, ASwitchAloneIsOn) {
  EXPECT_TRUE(Parse({"--access-log"}).configuration.settings.access_log);
  EXPECT_TRUE(Parse({"--access-log", "--threads", "2"}).configuration.settings.access_log);
  EXPECT_THAT(Refusal({"--access-log", ""}), HasSubstr("'' is not on or off"));
  EXPECT_FALSE(Parse({"--access-log", "off"}).configuration.settings.access_log);
  EXPECT_FALSE(
      Parse({"--access-log=off"}, {{"LOSSD_ACCESS_LOG", "on"}}).configuration.settings.access_log);
}

TEST(ConfigureTest, AutomaticBytesInFlightBeatAFile) {
  const File file("max-in-flight-bytes: 2GiB\n");
  EXPECT_EQ(Parse({"--config", file.path(), "--max-in-flight-bytes", "auto"})
                .configuration.settings.max_in_flight_bytes,
            0);
}

TEST(ConfigureTest, RefusesWhatIsWrongInTheFileByLineAlthoughItIsBeaten) {
  const File file("threads: 2\nmax-message-bytes: 64 potatoes\nlog-format: xml\n");
  const std::string refusal = Refusal({"--config", file.path(), "--max-message-bytes", "1MiB"});
  EXPECT_THAT(refusal, StartsWith("lossd: " + file.path() +
                                  ":2: max-message-bytes: '64 potatoes' is not a size from 1KiB "
                                  "to 2147483647, in bytes or as 64MiB\n"));
  EXPECT_THAT(refusal,
              HasSubstr("\nlossd: " + file.path() + ":3: log-format: 'xml' is not text or json\n"));
}

TEST(ConfigureTest, NamesTheFileOfSettingsThatContradictEachOther) {
  const File file("threads: 2\ndrain-delay: 30s\n");
  EXPECT_THAT(Refusal({"--config", file.path()}),
              StartsWith("lossd: " + file.path() +
                         ":2: drain-delay: 30s are longer than the 25s of --drain-timeout"));
}

TEST(ConfigureTest, RefusesAFileThatCannotBeRead) {
  EXPECT_THAT(Refusal({"--config", "/nowhere/lossd.yaml"}),
              StartsWith("lossd: the configuration '/nowhere/lossd.yaml' cannot be read: No such "
                         "file or directory"));
  EXPECT_THAT(Refusal({}, {{"LOSSD_CONFIG", "/"}}),
              StartsWith("lossd: the configuration '/' cannot be read: Is a directory"));
  const File large(std::string(70000, '#'));
  EXPECT_THAT(Refusal({"--config", large.path()}), HasSubstr("it has more than 65536 bytes"));
}

TEST(ConfigureTest, PrintsTheConfigurationAsAFileThatSaysWhereItIsFrom) {
  const File file("stall-timeout: 90s\n");
  const ConfigurationOutcome printed = Parse(
      {"--print-config", "--config", file.path(), "--listen", "[::1]:0", "--listen", "unix:/a b"},
      {{"LOSSD_THREADS", "4"}});
  ASSERT_TRUE(printed.exit);
  EXPECT_EQ(printed.exit->code, 0);
  const std::string& text = printed.exit->standard_output;
  EXPECT_THAT(text, StartsWith("# lossd "));
  EXPECT_THAT(text, HasSubstr("\nlisten: [\"[::1]:0\", \"unix:/a b\"]  # --listen\n"));
  EXPECT_THAT(text, HasSubstr("\nmax-message-bytes: 64MiB  # default\n"));
  EXPECT_THAT(text, HasSubstr("\nmax-in-flight-bytes: auto  # default\n"));
  EXPECT_THAT(text, HasSubstr("\nstall-timeout: 1m30s  # " + file.path() + ":1\n"));
  EXPECT_THAT(text, HasSubstr("\nthreads: 4  # LOSSD_THREADS\n"));

  const File again(text);
  const ConfigurationOutcome fed_back = Parse({"--config", again.path()});
  ASSERT_FALSE(fed_back.exit) << fed_back.exit->standard_error;
  for (const Setting& setting : SettingTable()) {
    EXPECT_EQ(setting.Print(fed_back.configuration.settings),
              setting.Print(printed.configuration.settings));
  }
}

TEST(ConfigureTest, AProbeThatPrintsFails) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--healthcheck", "--print-config"},
        std::vector<std::string>{"--print-config", "--healthcheck"}}) {
    const ConfigurationOutcome outcome = Parse(flags);
    ASSERT_TRUE(outcome.exit);
    EXPECT_EQ(outcome.exit->code, 1);
    EXPECT_THAT(outcome.exit->standard_output, IsEmpty());
    EXPECT_THAT(outcome.exit->standard_error, HasSubstr("exclude each other"));
  }
}

TEST(ConfigureTest, WhatIsWrongIsNotPrinted) {
  EXPECT_THAT(Refusal({"--print-config", "--threads", "many"}), HasSubstr("--threads: 'many'"));
}

}  // namespace
}  // namespace lossd
