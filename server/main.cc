#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "server/config/flags.h"
#include "server/memory/freed_memory.h"
#include "server/process/descriptor_limit.h"
#include "server/process/line_writer.h"
#include "server/process/log.h"
#include "server/process/standard_streams.h"
#include "server/process/stop_signals.h"
#include "server/server.h"
#include "server/transport/grpc/library_log.h"

namespace {

using lossd::LogLevel;

lossd::ServerOptions MakeServerOptions(const lossd::Flags& flags, const lossd::Log& log) {
  lossd::ServerOptions options;
  options.listen = flags.listen;
  options.max_message_bytes = flags.max_message_bytes;
  options.max_in_flight_bytes = flags.max_in_flight_bytes;
  options.bounds.max_connections = flags.max_connections;
  options.bounds.max_streams_per_connection = flags.max_streams_per_connection;
  options.bounds.max_connection_age = flags.max_connection_age;
  options.bounds.stall_timeout = flags.stall_timeout;
  options.bounds.min_ping_interval = flags.min_ping_interval;
  options.threads = flags.threads;
  options.log = &log;
  options.access_log = flags.access_log;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  lossd::OpenClosedStreams(argv);
  const lossd::FlagsOutcome parsed =
      lossd::ParseFlags({argv + 1, argv + argc}, lossd::ProcessEnvironment);
  if (parsed.exit) {
    std::cout << parsed.exit->standard_output;
    std::cerr << parsed.exit->standard_error;
    return parsed.exit->code;
  }
  lossd::StopSignals stop_signals;
  std::signal(SIGPIPE, SIG_IGN);  // The reader of stdout may be gone.
  lossd::RaiseDescriptorLimit();
  lossd::KeepFreedMemory();
  // Otherwise Debian's Abseil looks for cycles at every lock, gRPC's too, which is for debugging.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const lossd::Log log(parsed.flags.log_format, parsed.flags.log_level);
  const lossd::transport::LibraryLog library_log(log);

  lossd::ServerOptions options = MakeServerOptions(parsed.flags, log);
  options.on_deaf = [&stop_signals] { stop_signals.StopWaiting(); };
  const auto server = lossd::Server::Create(options);
  if (!server.ok()) {
    log.Write(LogLevel::kError, server.status().message());
    return 1;
  }
  lossd::LineWriter standard_output(STDOUT_FILENO);  // Nobody may read it.
  for (const std::string& address : (*server)->addresses()) {
    standard_output.Write(absl::StrCat("listening on ", address, "\n"));
  }
  log.Write(LogLevel::kInfo, "serving",
            {{"addresses", absl::StrJoin((*server)->addresses(), ",")}});
  const std::string signal = stop_signals.Wait([&log] {
    log.Write(LogLevel::kInfo, "there is nothing to reload", {{"signal", "SIGHUP"}});
  });
  if (signal.empty()) {
    log.Write(LogLevel::kError, "stopping: connections are not accepted any more");
  } else {
    log.Write(LogLevel::kInfo, "stopping", {{"signal", absl::StrCat("SIG", signal)}});
  }
  const bool finished =
      (*server)->DrainAndShutdown(parsed.flags.drain_delay, parsed.flags.drain_timeout);
  log.Write(LogLevel::kInfo, "stopped", {{"cancelled_calls", finished ? "none" : "some"}});
  return signal.empty() ? 1 : 0;
}
