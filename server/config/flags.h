#ifndef LOSSD_SERVER_CONFIG_FLAGS_H_
#define LOSSD_SERVER_CONFIG_FLAGS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/process/log.h"

namespace lossd {

// The settings that the command line and the environment make. Each flag has an environment twin,
// LOSSD_ and its name in capitals, which the flag on the command line beats; an empty variable is
// none.
struct Flags {
  // --listen, repeatable and split at commas: host:port or unix:path; port 0 takes a free one.
  std::vector<std::string> listen = {"0.0.0.0:50051"};
  // --max-message-bytes: the largest request and response. From 1 KiB to 2 GiB - 1, which is gRPC's
  // own limit.
  int64_t max_message_bytes = int64_t{64} << 20;
  // --threads: threads that compute. 0: as many as there are CPUs for this process.
  int threads = 0;
  // --log-format: text or json.
  LogFormat log_format = LogFormat::kText;
};

// Flags to run with, or what to print and to exit with.
struct FlagsOutcome {
  struct Exit {
    int code = 0;
    std::string standard_output;
    std::string standard_error;
  };

  Flags flags;
  std::optional<Exit> exit;
};

// The exit status for a command line or an environment that cannot be read.
inline constexpr int kUsageExitCode = 2;

// Returns the value of an environment variable; nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(absl::string_view name)>;

// Reads a variable of this process.
std::optional<std::string> ProcessEnvironment(absl::string_view name);

// Reads flags from `arguments`, which come without the program's name. --help and --version exit
// with 0; bad values, unknown flags and positional arguments exit with kUsageExitCode and a line
// that names the flag or variable.
FlagsOutcome ParseFlags(std::vector<std::string> arguments, const Environment& environment);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_FLAGS_H_
