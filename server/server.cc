#include "server/server.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/auth/certificate_files.h"
#include "server/auth/token_filter.h"
#include "server/auth/token_watch.h"
#include "server/auth/tokens.h"
#include "server/known_values.h"
#include "server/loss/catalogue.h"
#include "server/memory/buffer_pool.h"
#include "server/memory/freed_memory.h"
#include "server/memory/memory_return.h"
#include "server/observe/access_log.h"
#include "server/observe/call_error_log.h"
#include "server/observe/call_metrics.h"
#include "server/observe/caller_counters.h"
#include "server/observe/metrics_text.h"
#include "server/observe/server_metrics.h"
#include "server/process/log.h"
#include "server/process/version.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/limits.h"
#include "server/rpc/method_table.h"
#include "server/runs/run_store.h"
#include "server/threads/cpu_count.h"
#include "server/threads/executor.h"
#include "server/transport/call_environment.h"
#include "server/transport/grpc/grpc_server.h"
#include "server/transport/grpc/library_log.h"
#include "server/web/http_server.h"
#include "server/web/operator_pages.h"
#include "server/web/runs/run_site.h"

namespace lossd {
namespace {

using Clock = std::chrono::steady_clock;

// Memory of this many of the largest messages is kept for the next requests, and at most this part
// of what may be in flight.
constexpr int64_t kMessagesKept = 4;
constexpr int64_t kPartKept = 4;

std::shared_ptr<BufferPool> MakePool(const rpc::Limits& limits) {
  return BufferPool::Create(static_cast<size_t>(
      std::min(kMessagesKept * limits.max_message_bytes, limits.max_in_flight_bytes / kPartKept)));
}

}  // namespace

// The parts of the server, each made for those below it.
class Server::Rooms {
 public:
  explicit Rooms(const ServerOptions& options)
      : limits_(rpc::MakeLimits(options.max_message_bytes, options.max_in_flight_bytes)),
        executor_(options.threads > 0 ? options.threads : AvailableCpuCount()),
        pool_(MakePool(limits_)),
        handlers_(
            {limits_, executor_, pool_, Describe(options), options.runs, options.on_run_failure}),
        run_store_(options.runs) {
    if (options.log == nullptr) return;
    error_log_.emplace(*options.log);
    if (options.access_log) access_log_.emplace(*options.log);
  }

  absl::Status Start(const ServerOptions& options) {
    std::vector<rpc::MethodRow> methods = rpc::MakeMethods(handlers_, limits_);
    absl::Status reading = ReadTokens(options);
    if (!reading.ok()) return reading;
    if (!options.metrics_listen.empty()) {
      auto http = web::HttpServer::Listen(options.metrics_listen, options.log);
      if (!http.ok()) return http.status();
      http_server_ = *std::move(http);
      if (tokens_ != nullptr) caller_counters_.emplace([this] { return tokens_->names(); });
      call_metrics_.emplace(KnownValuesOf(methods),
                            caller_counters_ ? &*caller_counters_ : nullptr);
    }
    if (!options.web_listen.empty()) {
      auto site = web::RunSite::Listen(options.web_listen, options.log, methods);
      if (!site.ok()) return site.status();
      run_site_ = *std::move(site);
    }
    if (!options.tls_cert.empty()) {
      auto files = auth::CertificateFiles::Read(
          {options.tls_cert, options.tls_key, options.tls_client_ca}, options.log);
      if (!files.ok()) return files.status();
      certificates_ = *std::move(files);
    }
    environment_.emplace(limits_, MakeEnvironmentOptions(options));
    transport::GrpcServerOptions grpc_options;
    grpc_options.listen = options.listen;
    grpc_options.bounds = options.bounds;
    if (certificates_ != nullptr) {
      grpc_options.certificates = [this] { return certificates_->current(); };
    }
    grpc_options.reflection = options.reflection;
    grpc_options.on_deaf = options.on_deaf;
    grpc_options.log = options.log;
    auto server = transport::GrpcServer::Start(std::move(methods), *environment_, grpc_options);
    if (!server.ok()) return server.status();
    grpc_server_ = *std::move(server);
    if (tokens_ != nullptr) token_watch_.emplace(*tokens_, options.log);
    WarnIfOpen(options);
    ShowPages(options);
    return absl::OkStatus();
  }

  transport::GrpcServer& grpc_server() { return *grpc_server_; }
  absl::Status ReloadCertificates() {
    return certificates_ == nullptr ? absl::OkStatus() : certificates_->Reload();
  }
  absl::Status ReloadTokens() { return tokens_ == nullptr ? absl::OkStatus() : tokens_->Reload(); }
  std::string metrics_address() const { return http_server_ ? http_server_->address() : ""; }
  std::string web_address() const { return run_site_ ? run_site_->address() : ""; }

 private:
  rpc::ServerDescription Describe(const ServerOptions& options) {
    rpc::ServerDescription description;
    description.version = std::string(Version());
    description.start_time = start_time_;
    description.min_ping_interval = options.bounds.min_ping_interval;
    description.features.emplace_back("policy");
    if (!options.tls_cert.empty()) description.features.emplace_back("tls");
    if (!options.token_file.empty()) description.features.emplace_back("tokens");
    if (options.bounds.accept_compressed) description.features.emplace_back("compressed_requests");
    if (options.runs != nullptr) {
      description.features.push_back(absl::StrCat("runs:", options.runs->kind()));
    }
    description.in_flight_bytes = [this] { return environment_->budget.use().bytes; };
    return description;
  }

  absl::Status ReadTokens(const ServerOptions& options) {
    if (options.token_file.empty()) return absl::OkStatus();
    auto tokens = auth::Tokens::Read(options.token_file);
    if (!tokens.ok()) return tokens.status();
    tokens_ = *std::move(tokens);
    token_filter_.emplace(*tokens_);
    return absl::OkStatus();
  }

  // Says that anybody may call, and may read what others send, if that is so.
  void WarnIfOpen(const ServerOptions& options) const {
    const std::vector<std::string>& addresses = grpc_server_->network_addresses();
    const bool is_kept = tokens_ != nullptr || certificates_ != nullptr;
    if (options.log == nullptr || is_kept || addresses.empty()) return;
    options.log->Write(
        LogLevel::kWarning,
        "anybody who reaches the server may call it, and connections are plain text: set "
        "--token-file or --tls-client-ca to say who may call, and --tls-cert against readers, or "
        "listen at 127.0.0.1 or a Unix socket",
        {{"addresses", absl::StrJoin(addresses, ",")}});
  }

  transport::CallEnvironment::Options MakeEnvironmentOptions(const ServerOptions& options) {
    transport::CallEnvironment::Options environment_options;
    environment_options.stall_timeout = options.bounds.stall_timeout;
    environment_options.worker_count = executor_.thread_count();
    environment_options.give_back_memory = [pool = pool_] {
      pool->DropIdle();
      ReturnFreedMemory();
    };
    if (token_filter_) environment_options.filters.push_back(&*token_filter_);
    if (call_metrics_) environment_options.filters.push_back(&*call_metrics_);
    if (access_log_) environment_options.filters.push_back(&*access_log_);
    if (error_log_) environment_options.filters.push_back(&*error_log_);
    return environment_options;
  }

  void ShowPages(const ServerOptions& options) {
    if (http_server_ != nullptr) ShowMetrics(options);
    if (run_site_ == nullptr) return;
    run_site_->Start(
        {environment_->filters, environment_->call_ids}, [this] { return grpc_server_->serving(); },
        options.on_deaf);
  }

  void ShowMetrics(const ServerOptions& options) {
    server_metrics_.emplace(
        observe::ServerFacts{std::string(Version()), loss::InstructionSetName(), start_time_,
                             executor_.thread_count(), limits_.max_in_flight_bytes},
        [this, log = options.log] { return Look(log); });
    std::vector<const prometheus::Collectable*> shown = {&*call_metrics_};
    if (caller_counters_) shown.push_back(&*caller_counters_);
    shown.push_back(&*server_metrics_);
    metrics_text_.emplace(std::move(shown));
    http_server_->Start(
        web::OperatorPages([this] { return metrics_text_->Make(); }, observe::kMetricsType,
                           [this] { return grpc_server_->serving(); }),
        options.on_deaf);
  }

  observe::ServerState Look(const Log* log) const {
    const transport::GrpcServerUse use = grpc_server_->use();
    const transport::ByteBudget::Use budget = environment_->budget.use();
    observe::ServerState state;
    state.serving = grpc_server_->serving();
    state.in_flight_bytes = budget.bytes;
    state.waiting_messages = budget.waiting;
    state.connections = use.connections;
    state.refused_connections = use.refused_connections;
    state.refused_compressed_requests = transport::RefusedCompressedRequests();
    if (log != nullptr) state.dropped_log_entries = static_cast<uint64_t>(log->dropped());
    if (run_store_ != nullptr) {
      const runs::StoreUse runs = run_store_->use();
      state.runs = runs.runs;
      state.runs_bytes = runs.bytes;
      state.dropped_runs = runs.dropped_runs;
    }
    state.unrecorded_batches = handlers_.unrecorded_batches();
    state.resident_bytes = ResidentBytes().value_or(0);
    return state;
  }

  const absl::Time start_time_ = absl::Now();
  const rpc::Limits limits_;
  const Executor executor_;
  const std::shared_ptr<BufferPool> pool_;
  const rpc::Handlers handlers_;
  const std::shared_ptr<runs::RunStore> run_store_;
  std::unique_ptr<auth::Tokens> tokens_;
  std::optional<auth::TokenFilter> token_filter_;
  std::optional<auth::TokenWatch> token_watch_;
  std::optional<observe::CallErrorLog> error_log_;
  std::optional<observe::AccessLog> access_log_;
  std::optional<observe::CallerCounters> caller_counters_;
  std::optional<observe::CallMetrics> call_metrics_;
  std::unique_ptr<auth::CertificateFiles> certificates_;
  std::optional<transport::CallEnvironment> environment_;
  std::unique_ptr<transport::GrpcServer> grpc_server_;
  std::optional<observe::ServerMetrics> server_metrics_;
  std::optional<observe::MetricsText> metrics_text_;
  std::unique_ptr<web::HttpServer> http_server_;
  std::unique_ptr<web::RunSite> run_site_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const ServerOptions& options) {
  auto rooms = std::make_unique<Rooms>(options);
  absl::Status started = rooms->Start(options);
  if (!started.ok()) return started;
  return std::unique_ptr<Server>(new Server(std::move(rooms)));  // The constructor is private.
}

Server::Server(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

Server::~Server() = default;

const std::vector<std::string>& Server::addresses() const {
  return rooms_->grpc_server().addresses();
}

std::string Server::metrics_address() const { return rooms_->metrics_address(); }

std::string Server::web_address() const { return rooms_->web_address(); }

absl::Status Server::ReloadCertificates() { return rooms_->ReloadCertificates(); }

absl::Status Server::ReloadTokens() { return rooms_->ReloadTokens(); }

bool Server::DrainAndShutdown(absl::Duration delay, absl::Duration timeout) {
  transport::GrpcServer& grpc_server = rooms_->grpc_server();
  if (grpc_server.has_ended()) return true;
  // For calls to end that nobody can wait for any longer.
  const absl::Duration last_part = std::min(absl::Seconds(2), timeout / 5);
  const Clock::time_point start = Clock::now();
  const Clock::time_point last_moment = start + absl::ToChronoNanoseconds(timeout - last_part);
  grpc_server.StopServing();
  std::this_thread::sleep_until(std::min(start + absl::ToChronoNanoseconds(delay), last_moment));
  grpc_server.LetClientsLeave(last_moment);
  return grpc_server.Shutdown(start + absl::ToChronoNanoseconds(timeout));
}

bool Server::Shutdown(absl::Duration grace) {
  return rooms_->grpc_server().Shutdown(Clock::now() + absl::ToChronoNanoseconds(grace));
}

}  // namespace lossd
