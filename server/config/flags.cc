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
#include "server/config/listen_address.h"
#include "server/process/version.h"

namespace lossd {
namespace {

constexpr int64_t kMinMessageBytes = 1 << 10;
constexpr int64_t kMaxMessageBytes = (int64_t{1} << 31) - 1;
constexpr int kMaxThreads = 1024;

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

absl::Status ReadThreads(absl::string_view value, Flags& flags) {
  int threads = 0;
  if (!absl::SimpleAtoi(value, &threads) || threads < 0 || threads > kMaxThreads) {
    return Expected(value, absl::StrCat("a whole number from 0 to ", kMaxThreads));
  }
  flags.threads = threads;
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
    {"--threads", "COUNT", "0", "threads that compute; 0 is one for each CPU there is",
     CLI::MultiOptionPolicy::TakeLast, ReadThreads},
    {"--log-format", "FORMAT", "text", "text or json, one line an entry, on stderr",
     CLI::MultiOptionPolicy::TakeLast, ReadLogFormat},
};

// "--log-format" is LOSSD_LOG_FORMAT.
std::string VariableName(absl::string_view flag) {
  return absl::StrCat("LOSSD_",
                      absl::StrReplaceAll(absl::AsciiStrToUpper(flag.substr(2)), {{"-", "_"}}));
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
  return outcome;
}

}  // namespace lossd
