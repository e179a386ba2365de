#ifndef LOSSD_SERVER_CONFIG_SETTINGS_H_
#define LOSSD_SERVER_CONFIG_SETTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/process/log.h"

namespace lossd {

// When a batch is stored in a file.
enum class RunsSync {
  kNormal,  // when the system has it
  kFull,    // when the disk has it
};

// What becomes of a batch that its run could not take.
enum class RunsOnFailure { kRefuse, kAnswer };

// What the operator may set, with defaults. setting_table.cc has a row for each.
struct Settings {
  // host:port or unix:path; port 0 takes a free one.
  std::vector<std::string> listen = {"0.0.0.0:50051"};
  // The largest request and response. 2 GiB - 1 at most, which is gRPC's own limit.
  int64_t max_message_bytes = int64_t{64} << 20;
  // Requests that arrive or wait, and their answers. 0: the larger of 1 GiB and 16 of the largest
  // messages.
  int64_t max_in_flight_bytes = 0;
  int max_connections = 10000;
  // Calls of one connection at once.
  int max_streams_per_connection = 100;
  // The time after which a client is asked to connect anew.
  absl::Duration max_connection_age = absl::Seconds(15);
  // For a request that does not finish arriving, an answer that makes no progress and a client that
  // is silent.
  absl::Duration stall_timeout = absl::Seconds(60);
  // The shortest time between a client's pings.
  absl::Duration min_ping_interval = absl::Seconds(1);
  // Requests that are compressed, which are unpacked whatever they hold.
  bool accept_compressed = false;
  // Files in PEM: the server's certificate, its key, and the authorities of clients' certificates.
  // "" for none. Without the first all is plain text; without the last clients need none.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  // The file of the tokens of which each call needs one; "" for none, and then calls need none.
  std::string token_file;
  // Without gRPC's server reflection.
  bool no_reflection = false;
  // From the signal to stop until new connections are refused.
  absl::Duration drain_delay = absl::Seconds(5);
  // From the signal to stop until calls are cancelled.
  absl::Duration drain_timeout = absl::Seconds(25);
  // Threads that compute. 0: as many as there are CPUs for this process.
  int threads = 0;
  LogFormat log_format = LogFormat::kText;
  // Entries below it are not written.
  LogLevel log_level = LogLevel::kInfo;
  // An entry for each call.
  bool access_log = false;
  // Where metrics are shown over HTTP, host:port or unix:path; "" shows none.
  std::string metrics_listen;
  // Where training runs are kept: "none", "memory", "sqlite:PATH" or "redis://…".
  std::string runs = "memory";
  RunsSync runs_sync = RunsSync::kNormal;
  RunsOnFailure runs_on_failure = RunsOnFailure::kRefuse;
  // Of all runs together.
  int64_t runs_max_bytes = int64_t{1} << 30;
  // Since a run was updated.
  absl::Duration runs_max_age = absl::Hours(30 * 24);
  // Requests that a run remembers.
  int runs_request_ids = 1'000'000;
  // Where the live page of training runs is shown over HTTP, host:port or unix:path; "" shows none.
  std::string web_listen;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_SETTINGS_H_
