#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/config/configuration.h"
#include "server/config/reload.h"
#include "server/health_check.h"
#include "server/memory/freed_memory.h"
#include "server/process/descriptor_limit.h"
#include "server/process/line_writer.h"
#include "server/process/log.h"
#include "server/process/standard_streams.h"
#include "server/process/stop_signals.h"
#include "server/rpc/limits.h"
#include "server/run_stores.h"
#include "server/server.h"
#include "server/threads/cpu_count.h"
#include "server/transport/grpc/health_probe.h"
#include "server/transport/grpc/library_log.h"

namespace {

using lossd::LogLevel;

// Returns `settings` with what stands behind those that the server works out.
lossd::Settings WithoutAutomatic(lossd::Settings settings) {
  settings.max_in_flight_bytes =
      lossd::rpc::MakeLimits(settings.max_message_bytes, settings.max_in_flight_bytes)
          .max_in_flight_bytes;
  if (settings.threads == 0) settings.threads = lossd::AvailableCpuCount();
  return settings;
}

lossd::ServerOptions MakeServerOptions(const lossd::Settings& settings, const lossd::Log* log) {
  lossd::ServerOptions options;
  options.listen = settings.listen;
  options.max_message_bytes = settings.max_message_bytes;
  options.max_in_flight_bytes = settings.max_in_flight_bytes;
  options.bounds.max_connections = settings.max_connections;
  options.bounds.max_streams_per_connection = settings.max_streams_per_connection;
  options.bounds.max_connection_age = settings.max_connection_age;
  options.bounds.stall_timeout = settings.stall_timeout;
  options.bounds.min_ping_interval = settings.min_ping_interval;
  options.bounds.accept_compressed = settings.accept_compressed;
  options.tls_cert = settings.tls_cert;
  options.tls_key = settings.tls_key;
  options.tls_client_ca = settings.tls_client_ca;
  options.token_file = settings.token_file;
  options.reflection = !settings.no_reflection;
  options.threads = settings.threads;
  options.log = log;
  options.access_log = settings.access_log;
  options.metrics_listen = settings.metrics_listen;
  options.on_run_failure = settings.runs_on_failure == lossd::RunsOnFailure::kRefuse
                               ? lossd::rpc::OnRunFailure::kRefuse
                               : lossd::rpc::OnRunFailure::kAnswer;
  options.web_listen = settings.web_listen;
  return options;
}

void WriteAddresses(const lossd::Server& server, lossd::LineWriter& to) {
  const std::string metrics = server.metrics_address();
  if (!metrics.empty()) to.Write(absl::StrCat("metrics on ", metrics, "\n"));
  const std::string web = server.web_address();
  if (!web.empty()) to.Write(absl::StrCat("web on ", web, "\n"));
  for (const std::string& address : server.addresses()) {
    to.Write(absl::StrCat("listening on ", address, "\n"));
  }
}

void LogServing(const lossd::Server& server, const lossd::Settings& settings, lossd::Log& log) {
  lossd::LogFields serving = {{"addresses", absl::StrJoin(server.addresses(), ",")}};
  const std::string metrics = server.metrics_address();
  if (!metrics.empty()) serving.emplace_back("metrics", metrics);
  const std::string web = server.web_address();
  if (!web.empty()) serving.emplace_back("web", web);
  if (!settings.tls_cert.empty()) {
    serving.emplace_back("tls", settings.tls_client_ca.empty() ? "on" : "with client certificates");
  }
  log.Write(lossd::LogLevel::kInfo, "serving", std::move(serving));
}

// Adds what a reload makes anew.
void AddReloadables(lossd::Reload& reload, lossd::Log& log, lossd::Server& server) {
  reload.Add({"the log level", [&log](const lossd::Settings& running) {
                log.SetLeast(running.log_level);
                return absl::OkStatus();
              }});
  reload.Add({"the certificates",
              [&server](const lossd::Settings&) { return server.ReloadCertificates(); }});
  reload.Add({"the tokens", [&server](const lossd::Settings&) { return server.ReloadTokens(); }});
}

// Writes an entry for each line of an error.
void LogFaults(const absl::Status& error, const lossd::Log& log) {
  for (const absl::string_view fault : absl::StrSplit(error.message(), '\n')) {
    log.Write(LogLevel::kError, fault);
  }
}

// Prints what a check of health finds, and returns the status to exit with.
int ReportHealth(const lossd::ServerOptions& options) {
  const lossd::transport::HealthFinding finding = lossd::CheckHealth(options);
  const bool is_answer = finding.health == lossd::transport::Health::kServing ||
                         finding.health == lossd::transport::Health::kNotServing;
  (is_answer ? std::cout : std::cerr) << finding.text << "\n";
  return static_cast<int>(finding.health);
}

int Exit(const lossd::ProgramExit& exit) {
  std::cout << exit.standard_output;
  std::cerr << exit.standard_error;
  return exit.code;
}

// Creates the server with the store of runs that the settings name.
absl::StatusOr<std::unique_ptr<lossd::Server>> CreateServer(lossd::ServerOptions options,
                                                            const lossd::Settings& settings,
                                                            lossd::Log& log) {
  auto run_store = lossd::MakeRunStore(settings, log);
  if (!run_store.ok()) return run_store.status();
  options.runs = *std::move(run_store);
  return lossd::Server::Create(options);
}

}  // namespace

int main(int argc, char** argv) {
  lossd::OpenClosedStreams(argv);
  const lossd::ConfigurationOutcome configured =
      lossd::Configure({argv + 1, argv + argc}, lossd::ProcessEnvironment);
  if (configured.exit) return Exit(*configured.exit);
  if (configured.command == lossd::Command::kCheckHealth) {
    return ReportHealth(MakeServerOptions(configured.configuration.settings, nullptr));
  }
  lossd::StopSignals stop_signals;
  std::signal(SIGPIPE, SIG_IGN);  // The reader of stdout may be gone.
  std::signal(SIGCHLD, SIG_IGN);  // Process 1, as in a container, need not wait for orphans then.
  lossd::RaiseDescriptorLimit();
  lossd::KeepFreedMemory();
  // Otherwise Debian's Abseil looks for cycles at every lock, gRPC's too, which is for debugging.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const lossd::Settings settings = WithoutAutomatic(configured.configuration.settings);
  lossd::Log log(settings.log_format, settings.log_level);
  const lossd::transport::LibraryLog library_log(log);
  log.Write(LogLevel::kInfo, "settings", lossd::SettingsFields(settings));
  lossd::Reload reload(configured.sources, configured.configuration.settings, log);

  lossd::ServerOptions options = MakeServerOptions(settings, &log);
  options.on_deaf = [&stop_signals] { stop_signals.StopWaiting(); };
  const auto server = CreateServer(std::move(options), settings, log);
  if (!server.ok()) {
    LogFaults(server.status(), log);
    return 1;
  }
  AddReloadables(reload, log, **server);
  lossd::LineWriter standard_output(STDOUT_FILENO);  // Nobody may read it.
  WriteAddresses(**server, standard_output);
  LogServing(**server, settings, log);
  const std::string signal = stop_signals.Wait([&reload] { reload.Run(); });
  if (signal.empty()) {
    log.Write(LogLevel::kError, "stopping: connections are not accepted any more");
  } else {
    log.Write(LogLevel::kInfo, "stopping", {{"signal", absl::StrCat("SIG", signal)}});
  }
  const bool finished =
      (*server)->DrainAndShutdown(reload.running().drain_delay, reload.running().drain_timeout);
  log.Write(LogLevel::kInfo, "stopped", {{"cancelled_calls", finished ? "none" : "some"}});
  return signal.empty() ? 1 : 0;
}
