#ifndef LOSSD_SERVER_CONFIG_FLAGS_H_
#define LOSSD_SERVER_CONFIG_FLAGS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
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
  // --max-in-flight-bytes: requests that arrive or wait, and their answers. 0: the larger of 1 GiB
  // and 16 of the largest messages.
  int64_t max_in_flight_bytes = 0;
  // --max-connections, and --max-streams-per-connection: calls of one connection at once.
  int max_connections = 10000;
  int max_streams_per_connection = 100;
  // --max-connection-age: the time after which a client is asked to connect anew.
  absl::Duration max_connection_age = absl::Seconds(15);
  // --stall-timeout: for a request that does not finish arriving, an answer that makes no progress
  // and a client that is silent.
  absl::Duration stall_timeout = absl::Seconds(60);
  // --min-ping-interval: the shortest time between a client's pings.
  absl::Duration min_ping_interval = absl::Seconds(1);
  // --drain-delay: from the signal to stop until new connections are refused.
  absl::Duration drain_delay = absl::Seconds(5);
  // --drain-timeout: from the signal to stop until calls are cancelled.
  absl::Duration drain_timeout = absl::Seconds(25);
  // --threads: threads that compute. 0: as many as there are CPUs for this process.
  int threads = 0;
  // --log-format: text or json.
  LogFormat log_format = LogFormat::kText;
  // --log-level: entries below it are not written.
  LogLevel log_level = LogLevel::kInfo;
  // --access-log: an entry for each call.
  bool access_log = false;
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
