#include "server/transport/grpc/grpc_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/grpc.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "server/process/descriptor_limit.h"
#include "server/process/log.h"
#include "server/transport/acceptor.h"
#include "server/transport/call_environment.h"
#include "server/transport/grpc/async_service.h"
#include "server/transport/grpc/memory_bounds.h"
#include "server/transport/grpc/served_method.h"
#include "server/transport/grpc/tls_credentials.h"
#include "server/transport/lingering_sockets.h"
#include "server/transport/listener.h"

namespace lossd::transport {
namespace {

using ConnectionType = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
using grpc::experimental::ExternalConnectionAcceptor;

// For a client to answer a ping, and to acknowledge what was sent: gRPC's own default.
constexpr absl::Duration kPatienceWithSilence = absl::Seconds(20);
// For a client to send its first frame.
constexpr absl::Duration kPatienceWithNewcomers = absl::Seconds(10);

// gRPC spreads the age of connections by a tenth. A connection of this age was told to leave, and
// the calls that were on their way then have arrived.
absl::Duration LongestStay(const Bounds& bounds) {
  return 1.1 * bounds.max_connection_age + absl::Seconds(1);
}

// Adds an argument that is a time; gRPC takes the largest for never.
void AddTime(const char* name, absl::Duration time, grpc::ServerBuilder& builder) {
  const int64_t milliseconds = absl::ToInt64Milliseconds(time);
  builder.AddChannelArgument(name, static_cast<int>(std::clamp<int64_t>(
                                       milliseconds, 1, std::numeric_limits<int>::max())));
}

void SetConnectionOptions(const Bounds& bounds, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, bounds.max_streams_per_connection);
  AddTime(GRPC_ARG_MAX_CONNECTION_AGE_MS, bounds.max_connection_age, builder);
  AddTime(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
          std::min(kPatienceWithNewcomers, bounds.stall_timeout), builder);
  // A client that is silent for so long is asked whether it is there. One that is idle answers.
  AddTime(GRPC_ARG_KEEPALIVE_TIME_MS, bounds.stall_timeout, builder);
  AddTime(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, std::min(kPatienceWithSilence, bounds.stall_timeout),
          builder);
  // What a token takes that says who its bearer is and what they may do, and other metadata.
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
  // A training job keeps its connection alive between steps, or through an evaluation. gRPC's own
  // tolerance is a ping in five minutes, and it closes the connection of a client that sends more.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  AddTime(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, bounds.min_ping_interval, builder);
}

// Returns how many connections the bound and the descriptors of the process allow.
int MostConnections(const GrpcServerOptions& options) {
  // For what else is opened while the server runs.
  constexpr int kReserve = 32;
  const int free = FreeDescriptors();
  const int allowed = std::max(1, free - std::min(kReserve, free / 2));
  if (allowed < options.bounds.max_connections && options.log != nullptr) {
    options.log->Write(LogLevel::kWarning,
                       "the limit of open files allows fewer connections than --max-connections",
                       {{"connections", absl::StrCat(allowed)},
                        {"max_connections", absl::StrCat(options.bounds.max_connections)}});
  }
  return std::min(allowed, options.bounds.max_connections);
}

// Where gRPC takes connections: those over TCP, and those of Unix sockets.
struct Entrances {
  std::shared_ptr<ExternalConnectionAcceptor> tcp;
  std::shared_ptr<ExternalConnectionAcceptor> unix_socket;
};

Entrances AddEntrances(const CertificateSource& certificates, grpc::ServerBuilder& builder) {
  const auto add = [&builder](std::shared_ptr<grpc::ServerCredentials> credentials) {
    return std::shared_ptr<ExternalConnectionAcceptor>(
        builder.experimental().AddExternalConnectionAcceptor(ConnectionType::FROM_FD,
                                                             std::move(credentials)));
  };
  const auto plain = add(grpc::InsecureServerCredentials());
  return {certificates ? add(TlsCredentials(certificates)) : plain, plain};
}

bool IsOfUnixSocket(int descriptor) {
  int family = AF_UNSPEC;
  socklen_t length = sizeof(family);
  return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0 && family == AF_UNIX;
}

AcceptorOptions MakeAcceptorOptions(Entrances entrances, const GrpcServerOptions& options) {
  AcceptorOptions acceptor_options;
  acceptor_options.max_connections = MostConnections(options);
  acceptor_options.take = [entrances = std::move(entrances)](int descriptor) {
    ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = descriptor;
    const auto& entrance = IsOfUnixSocket(descriptor) ? entrances.unix_socket : entrances.tcp;
    entrance->HandleNewConnection(&connection);
  };
  acceptor_options.on_deaf = options.on_deaf;
  acceptor_options.log = options.log;
  return acceptor_options;
}

// Returns a listener for each address.
absl::StatusOr<std::vector<Listener>> ListenAtAll(const GrpcServerOptions& options) {
  std::vector<Listener> listeners;
  for (const std::string& address : options.listen) {
    auto listener =
        Listener::Listen(address, std::min(kPatienceWithSilence, options.bounds.stall_timeout));
    if (!listener.ok()) return listener.status();
    listeners.push_back(*std::move(listener));
  }
  return listeners;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(std::vector<rpc::MethodRow> methods,
                                                              CallEnvironment& environment,
                                                              const GrpcServerOptions& options) {
  auto served = MatchMethods(std::move(methods));
  if (!served.ok()) return served.status();
  // The constructor is private.
  std::unique_ptr<GrpcServer> server(new GrpcServer(*std::move(served), environment, options));
  absl::Status listening = server->Listen(options);
  if (!listening.ok()) return listening;
  return server;
}

GrpcServer::GrpcServer(std::vector<ServedMethod> methods, CallEnvironment& environment,
                       const GrpcServerOptions& options)
    : environment_(environment),
      service_(
          std::make_unique<AsyncService>(std::move(methods), environment,
                                         options.reflection ? Reflection::kOn : Reflection::kOff)),
      bounds_(options.bounds) {}

GrpcServer::~GrpcServer() { Shutdown(Clock::now()); }

absl::Status GrpcServer::Listen(const GrpcServerOptions& options) {
  auto listeners = ListenAtAll(options);
  if (!listeners.ok()) return listeners.status();
  grpc::ServerBuilder builder;
  BoundMemory(environment_.limits, options.bounds, builder);
  builder.SetMaxSendMessageSize(-1);  // The methods check their responses.
  SetConnectionOptions(options.bounds, builder);
  // gRPC's own listener falls deaf when descriptors run out, and can neither count its connections
  // nor stop without ending them.
  Entrances entrances = AddEntrances(options.certificates, builder);
  service_->Register(builder);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    service_->Stop();
    return absl::InternalError("gRPC does not start");
  }
  for (const Listener& listener : *listeners) {
    addresses_.push_back(listener.address());
    if (listener.IsOnNetwork()) network_addresses_.push_back(listener.address());
  }
  acceptor_ = std::make_unique<Acceptor>(*std::move(listeners),
                                         MakeAcceptorOptions(std::move(entrances), options));
  service_->Start(acceptor_->connections());
  lingering_ = std::make_unique<LingeringSockets>(
      [table = acceptor_->connections()](int descriptor) { return table->Contains(descriptor); });
  acceptor_->Start();
  serving_ = true;
  return absl::OkStatus();
}

GrpcServerUse GrpcServer::use() const {
  return {acceptor_->connections()->RecentCount(), acceptor_->refused()};
}

void GrpcServer::StopServing() {
  serving_ = false;
  service_->StopServing();
}

void GrpcServer::LetClientsLeave(Clock::time_point last_moment) {
  constexpr std::chrono::milliseconds kPollInterval(20);
  constexpr std::chrono::seconds kIdle(1);
  const auto stay = absl::ToChronoNanoseconds(LongestStay(bounds_));
  acceptor_->Stop();
  for (auto now = Clock::now(); now < last_moment; now = Clock::now()) {
    const int streams = environment_.streams.EndIdleSince(now - kIdle);
    // Those that were accepted before have been told to leave: they bring no new calls.
    const size_t leaving = acceptor_->connections()->CountAccepted(now - stay, last_moment - stay);
    if (streams == 0 && leaving == 0) return;
    std::this_thread::sleep_for(kPollInterval);
  }
}

bool GrpcServer::Shutdown(Clock::time_point deadline) {
  if (has_ended()) return true;
  StopServing();
  // Before gRPC's server shuts down: under clients that keep calling, that answers some of them
  // CANCELLED, which nobody tries again.
  const bool finished = environment_.FinishCalls(deadline);
  acceptor_->Stop();
  service_->EndWatches();
  constexpr std::chrono::seconds kMoment(1);
  std::thread closing([&] { server_->Shutdown(std::chrono::system_clock::now() + kMoment); });
  service_->WaitForCalls();
  // Calls of reflection may be left, and watches that nobody reads.
  grpc_server_cancel_all_calls(server_->c_server());
  closing.join();
  service_->Stop();
  server_ = nullptr;
  lingering_ = nullptr;
  return finished;
}

}  // namespace lossd::transport
