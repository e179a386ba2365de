#include "server/config/flags.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "server/config/byte_size.h"
#include "server/config/duration.h"
#include "server/config/listen_address.h"
#include "server/process/version.h"

namespace lossd {
namespace {

constexpr int64_t kMinMessageBytes = 1 << 10;
constexpr int64_t kMaxMessageBytes = (int64_t{1} << 31) - 1;
constexpr int64_t kMaxInFlightBytes = int64_t{1} << 50;
constexpr int kMaxConnections = 1'000'000;
constexpr int kMaxStreamsPerConnection = 100'000;
constexpr int kMaxThreads = 1024;
// gRPC takes its times as milliseconds in an int.
constexpr absl::Duration kMaxTime = absl::Hours(24 * 20);

absl::Status Expected(absl::string_view value, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not ", expected));
}

absl::Status ReadListen(absl::string_view value, Flags& flags) {
  flags.listen.clear();
  for (absl::string_view address : absl::StrSplit(value, ',')) {
    address = absl::StripAsciiWhitespace(address);
    absl::Status status = ValidateListenAddress(address);
    if (!status.ok()) return status;
    flags.listen.emplace_back(address);
  }
  return absl::OkStatus();
}

absl::Status ReadMaxMessageBytes(absl::string_view value, Flags& flags) {
  const std::optional<int64_t> bytes = ParseByteSize(value);
  if (!bytes || *bytes < kMinMessageBytes || *bytes > kMaxMessageBytes) {
    return Expected(value, "a size from 1KiB to 2147483647, in bytes or as 64MiB");
  }
  flags.max_message_bytes = *bytes;
  return absl::OkStatus();
}

absl::Status ReadMaxInFlightBytes(absl::string_view value, Flags& flags) {
  const std::optional<int64_t> bytes = ParseByteSize(value);
  if (!bytes || *bytes < kMinMessageBytes || *bytes > kMaxInFlightBytes) {
    return Expected(value, "a size from 1KiB to 1PiB, in bytes or as 1GiB");
  }
  flags.max_in_flight_bytes = *bytes;
  return absl::OkStatus();
}

// Reads a whole number from kLeast to kMost.
template <auto kField, int kLeast, int kMost>
absl::Status ReadCount(absl::string_view value, Flags& flags) {
  int count = 0;
  if (!absl::SimpleAtoi(value, &count) || count < kLeast || count > kMost) {
    return Expected(value, absl::StrCat("a whole number from ", kLeast, " to ", kMost));
  }
  flags.*kField = count;
  return absl::OkStatus();
}

// Reads a time of at least kLeastMilliseconds.
template <auto kField, int kLeastMilliseconds>
absl::Status ReadTime(absl::string_view value, Flags& flags) {
  const std::optional<absl::Duration> time = ParseTime(value);
  constexpr absl::Duration kLeast = absl::Milliseconds(kLeastMilliseconds);
  if (!time || *time < kLeast || *time > kMaxTime) {
    return Expected(value, absl::StrCat("a time from ", absl::FormatDuration(kLeast),
                                        " to 20 days, with a unit: 500ms, 30s, 5m or 1h"));
  }
  flags.*kField = *time;
  return absl::OkStatus();
}

absl::Status ReadLogFormat(absl::string_view value, Flags& flags) {
  if (value == "text") {
    flags.log_format = LogFormat::kText;
  } else if (value == "json") {
    flags.log_format = LogFormat::kJson;
  } else {
    return Expected(value, "text or json");
  }
  return absl::OkStatus();
}

absl::Status ReadLogLevel(absl::string_view value, Flags& flags) {
  if (value == "debug") {
    flags.log_level = LogLevel::kDebug;
  } else if (value == "info") {
    flags.log_level = LogLevel::kInfo;
  } else if (value == "warning") {
    flags.log_level = LogLevel::kWarning;
  } else if (value == "error") {
    flags.log_level = LogLevel::kError;
  } else {
    return Expected(value, "debug, info, warning or error");
  }
  return absl::OkStatus();
}

absl::Status ReadAccessLog(absl::string_view value, Flags& flags) {
  if (value != "on" && value != "off") return Expected(value, "on or off");
  flags.access_log = value == "on";
  return absl::OkStatus();
}

struct FlagDefinition {
  const char* name;
  const char* placeholder;
  const char* default_text;
  const char* description;
  CLI::MultiOptionPolicy when_repeated;
  absl::Status (*read)(absl::string_view value, Flags& flags);
};

constexpr FlagDefinition kFlags[] = {
    {"--listen", "ADDRESS", "0.0.0.0:50051",
     "where to listen, host:port or unix:path; port 0 takes a free one; repeatable",
     CLI::MultiOptionPolicy::Join, ReadListen},
    {"--max-message-bytes", "SIZE", "64MiB",
     "the largest request and response, in bytes or with a unit such as 64MiB",
     CLI::MultiOptionPolicy::TakeLast, ReadMaxMessageBytes},
    {"--max-in-flight-bytes", "SIZE", "the larger of 1GiB and 16 x max-message-bytes",
     "requests that arrive or wait, and their answers, over all calls",
     CLI::MultiOptionPolicy::TakeLast, ReadMaxInFlightBytes},
    {"--max-connections", "COUNT", "10000", "connections at once", CLI::MultiOptionPolicy::TakeLast,
     ReadCount<&Flags::max_connections, 1, kMaxConnections>},
    {"--max-streams-per-connection", "COUNT", "100", "calls of one connection at once",
     CLI::MultiOptionPolicy::TakeLast,
     ReadCount<&Flags::max_streams_per_connection, 1, kMaxStreamsPerConnection>},
    {"--max-connection-age", "TIME", "15s",
     "when a client is asked to connect anew, within 10 %; its calls go on",
     CLI::MultiOptionPolicy::TakeLast, ReadTime<&Flags::max_connection_age, 100>},
    {"--stall-timeout", "TIME", "60s",
     "ends a request that does not finish arriving, an answer that is not read, and the connection "
     "of a silent client",
     CLI::MultiOptionPolicy::TakeLast, ReadTime<&Flags::stall_timeout, 100>},
    {"--min-ping-interval", "TIME", "1s", "the shortest time between a client's pings",
     CLI::MultiOptionPolicy::TakeLast, ReadTime<&Flags::min_ping_interval, 1>},
    {"--drain-delay", "TIME", "5s",
     "how long a server that was told to stop answers as before, while health says NOT_SERVING",
     CLI::MultiOptionPolicy::TakeLast, ReadTime<&Flags::drain_delay, 0>},
    {"--drain-timeout", "TIME", "25s",
     "when a server that was told to stop cancels the calls that are left; the delay counts",
     CLI::MultiOptionPolicy::TakeLast, ReadTime<&Flags::drain_timeout, 0>},
    {"--threads", "COUNT", "0", "threads that compute; 0 is one for each CPU there is",
     CLI::MultiOptionPolicy::TakeLast, ReadCount<&Flags::threads, 0, kMaxThreads>},
    {"--log-format", "FORMAT", "text", "text or json, one line an entry, on stderr",
     CLI::MultiOptionPolicy::TakeLast, ReadLogFormat},
    {"--log-level", "LEVEL", "info", "debug, info, warning or error: the least that is logged",
     CLI::MultiOptionPolicy::TakeLast, ReadLogLevel},
    {"--access-log", "SWITCH", "off", "on or off: an entry at level info for each call",
     CLI::MultiOptionPolicy::TakeLast, ReadAccessLog},
};

// "--log-format" is LOSSD_LOG_FORMAT.
std::string VariableName(absl::string_view flag) {
  return absl::StrCat("LOSSD_",
                      absl::StrReplaceAll(absl::AsciiStrToUpper(flag.substr(2)), {{"-", "_"}}));
}

// Returns what is wrong with flags that are right each by itself; "" when nothing is.
std::string WhyNotTogether(const Flags& flags) {
  if (flags.max_in_flight_bytes != 0 && flags.max_in_flight_bytes < flags.max_message_bytes) {
    return absl::StrCat("--max-in-flight-bytes: ", flags.max_in_flight_bytes,
                        " bytes are less than --max-message-bytes, ", flags.max_message_bytes);
  }
  if (flags.drain_delay > flags.drain_timeout) {
    return absl::StrCat("--drain-delay: ", absl::FormatDuration(flags.drain_delay),
                        " is longer than --drain-timeout, ",
                        absl::FormatDuration(flags.drain_timeout), ", of which it is a part");
  }
  return "";
}

FlagsOutcome Refuse(absl::string_view message) {
  FlagsOutcome outcome;
  outcome.exit = {kUsageExitCode, "", absl::StrCat("lossd: ", message, "\nTry 'lossd --help'.\n")};
  return outcome;
}

}  // namespace

std::optional<std::string> ProcessEnvironment(absl::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

FlagsOutcome ParseFlags(std::vector<std::string> arguments, const Environment& environment) {
  CLI::App app("lossd: classification losses, their gradients and statistics over gRPC", "lossd");
  app.set_version_flag("--version", absl::StrCat("lossd ", Version()), "print the version");
  app.set_help_flag("-h,--help", "print this help");
  std::string values[std::size(kFlags)];
  CLI::Option* options[std::size(kFlags)];
  for (size_t i = 0; i < std::size(kFlags); ++i) {
    const FlagDefinition& flag = kFlags[i];
    options[i] = app.add_option(flag.name, values[i],
                                absl::StrCat(flag.description, "\n(", VariableName(flag.name),
                                             "; default: ", flag.default_text, ")"))
                     ->type_name(flag.placeholder)
                     ->multi_option_policy(flag.when_repeated);
    if (flag.when_repeated == CLI::MultiOptionPolicy::Join) options[i]->delimiter(',');
  }

  // CLI11 takes them from the back.
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return Refuse(error.what());
    std::ostringstream standard_output;
    app.exit(error, standard_output, standard_output);
    FlagsOutcome outcome;
    outcome.exit = {0, standard_output.str(), ""};
    return outcome;
  }

  // The environment is read here, not by CLI11, whose messages would blame the flag for it.
  FlagsOutcome outcome;
  for (size_t i = 0; i < std::size(kFlags); ++i) {
    std::string source = kFlags[i].name;
    std::string value = values[i];
    if (options[i]->count() == 0) {
      source = VariableName(kFlags[i].name);
      value = environment(source).value_or("");
      if (value.empty()) continue;
    }
    const absl::Status status = kFlags[i].read(value, outcome.flags);
    if (!status.ok()) return Refuse(absl::StrCat(source, ": ", status.message()));
  }
  const std::string problem = WhyNotTogether(outcome.flags);
  if (!problem.empty()) return Refuse(problem);
  return outcome;
}

}  // namespace lossd
