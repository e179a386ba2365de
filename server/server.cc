#include "server/server.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "server/memory/buffer_pool.h"
#include "server/memory/freed_memory.h"
#include "server/observe/access_log.h"
#include "server/observe/call_error_log.h"
#include "server/process/log.h"
#include "server/process/version.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/limits.h"
#include "server/rpc/method_table.h"
#include "server/threads/cpu_count.h"
#include "server/threads/executor.h"
#include "server/transport/call_environment.h"
#include "server/transport/grpc/grpc_server.h"

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
        handlers_({limits_, executor_, pool_, std::string(Version())}) {
    if (options.log == nullptr) return;
    error_log_.emplace(*options.log);
    if (options.access_log && options.log->Writes(LogLevel::kInfo)) {
      access_log_.emplace(*options.log);
    }
  }

  absl::Status Start(const ServerOptions& options) {
    environment_.emplace(limits_, MakeEnvironmentOptions(options));
    transport::GrpcServerOptions grpc_options;
    grpc_options.listen = options.listen;
    grpc_options.bounds = options.bounds;
    grpc_options.on_deaf = options.on_deaf;
    grpc_options.log = options.log;
    auto server = transport::GrpcServer::Start(rpc::MakeMethods(handlers_, limits_), *environment_,
                                               grpc_options);
    if (!server.ok()) return server.status();
    grpc_server_ = *std::move(server);
    return absl::OkStatus();
  }

  transport::GrpcServer& grpc_server() { return *grpc_server_; }

 private:
  transport::CallEnvironment::Options MakeEnvironmentOptions(const ServerOptions& options) {
    transport::CallEnvironment::Options environment_options;
    environment_options.stall_timeout = options.bounds.stall_timeout;
    environment_options.worker_count = executor_.thread_count();
    environment_options.give_back_memory = [pool = pool_] {
      pool->DropIdle();
      ReturnFreedMemory();
    };
    if (access_log_) environment_options.filters.push_back(&*access_log_);
    if (error_log_) environment_options.filters.push_back(&*error_log_);
    return environment_options;
  }

  const rpc::Limits limits_;
  const Executor executor_;
  const std::shared_ptr<BufferPool> pool_;
  const rpc::Handlers handlers_;
  std::optional<observe::CallErrorLog> error_log_;
  std::optional<observe::AccessLog> access_log_;
  std::optional<transport::CallEnvironment> environment_;
  std::unique_ptr<transport::GrpcServer> grpc_server_;
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
