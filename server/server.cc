#include "server/server.h"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "server/config/listen_address.h"
#include "server/process/log.h"
#include "server/process/version.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/method_table.h"
#include "server/threads/cpu_count.h"
#include "server/threads/executor.h"
#include "server/transport/grpc/async_service.h"

namespace lossd {
namespace {

// Requests of this many of the largest messages may be in flight.
constexpr int64_t kMessagesInFlight = 16;

// Memory of this many of the largest messages is kept for the next requests.
constexpr int64_t kMessagesKept = 4;
// Enough to hide the wire behind the computation.
constexpr int kMaxStreamWindow = 16;

// gRPC refuses a message over its own limit before the server sees it, with a text that cannot name
// the flag, so that limit stands higher, by this much at least, and the server checks its own. What
// a client can make the server hold stays bounded all the same.
constexpr int64_t kRefusedMessageBytes = int64_t{256} << 20;

constexpr absl::Duration kShortestPingInterval = absl::Seconds(5);

int GrpcReceiveLimit(int64_t max_message_bytes) {
  const int64_t limit = max_message_bytes + std::max(max_message_bytes, kRefusedMessageBytes);
  return static_cast<int>(std::min<int64_t>(limit, std::numeric_limits<int>::max()));
}

absl::Status ListenError(absl::string_view address, absl::string_view reason) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen at ", address, reason.empty() ? "" : ": ", reason));
}

rpc::CallErrorObserver LogCallErrors(const Log* log) {
  if (log == nullptr) return nullptr;
  return [log](absl::string_view method, const absl::Status& error) {
    const LogLevel level = absl::IsInternal(error) ? LogLevel::kError : LogLevel::kWarning;
    log->Write(level, "call failed",
               {{"method", std::string(method)},
                {"code", absl::StatusCodeToString(error.code())},
                {"error", std::string(error.message())}});
  };
}

rpc::HandlerOptions MakeHandlerOptions(const ServerOptions& options, const Executor& executor) {
  rpc::HandlerOptions handler_options;
  handler_options.thread_count = executor.thread_count();
  handler_options.max_message_bytes = options.max_message_bytes;
  handler_options.max_in_flight_bytes = kMessagesInFlight * options.max_message_bytes;
  handler_options.max_stream_window = kMaxStreamWindow;
  handler_options.executor = &executor;
  handler_options.pool =
      rpc::BufferPool::Create(static_cast<size_t>(kMessagesKept * options.max_message_bytes));
  handler_options.version = std::string(Version());
  return handler_options;
}

rpc::AsyncServiceOptions MakeServiceOptions(const ServerOptions& options,
                                            const Executor& executor) {
  rpc::AsyncServiceOptions service_options;
  service_options.worker_count = executor.thread_count();
  service_options.max_in_flight_bytes = kMessagesInFlight * options.max_message_bytes;
  service_options.max_stream_window = kMaxStreamWindow;
  service_options.on_error = LogCallErrors(options.log);
  return service_options;
}

}  // namespace

class Server::State {
 public:
  explicit State(const ServerOptions& options)
      : executor_(options.threads > 0 ? options.threads : AvailableCpuCount()),
        handlers_(MakeHandlerOptions(options, executor_)),
        service_(options.make_methods ? options.make_methods()
                                      : rpc::MakeMethodTable(handlers_, options.max_message_bytes),
                 MakeServiceOptions(options, executor_)) {}

  absl::Status Start(const ServerOptions& options) {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(GrpcReceiveLimit(options.max_message_bytes));
    builder.SetMaxSendMessageSize(-1);  // The service checks its responses.
    // With it two servers would share a port, and each would get some of the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // A training job keeps its connection alive between steps, or through an evaluation. gRPC's own
    // tolerance is a ping in five minutes, and it closes the connection of who sends more.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               static_cast<int>(absl::ToInt64Milliseconds(kShortestPingInterval)));
    std::vector<int> ports(options.listen.size(), 0);
    for (size_t i = 0; i < options.listen.size(); ++i) {
      const std::string& address = options.listen[i];
      const std::string problem = WhyNotListen(address);
      if (!problem.empty()) return ListenError(address, problem);
      builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &ports[i]);
    }
    service_.Register(builder);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      service_.Stop();
      // Another one was faster, or gRPC has its own reasons. It takes the addresses in
      // turn, and stops at the one that fails.
      const auto failed = std::find(ports.begin(), ports.end(), 0) - ports.begin();
      const std::string& address = options.listen[static_cast<size_t>(failed)];
      return ListenError(address, WhyNotListen(address));
    }
    service_.Start();
    for (size_t i = 0; i < ports.size(); ++i) {
      addresses_.push_back(WithPort(options.listen[i], ports[i]));
    }
    return absl::OkStatus();
  }

  const std::vector<std::string>& addresses() const { return addresses_; }

  bool Shutdown(absl::Duration grace) {
    if (server_ == nullptr) return true;
    const absl::Time deadline = absl::Now() + grace;
    service_.StopServing();
    const bool finished = service_.Drain(deadline);
    std::thread closing([&] { server_->Shutdown(absl::ToChronoTime(deadline)); });
    service_.WaitForCalls(deadline);
    // What is left are watches of the health service and reflection, which have no end of their
    // own.
    grpc_server_cancel_all_calls(server_->c_server());
    closing.join();
    service_.Stop();
    server_ = nullptr;
    return finished;
  }

 private:
  Executor executor_;
  rpc::Handlers handlers_;
  rpc::AsyncService service_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const ServerOptions& options) {
  auto state = std::make_unique<State>(options);
  absl::Status started = state->Start(options);
  if (!started.ok()) return started;
  return std::unique_ptr<Server>(new Server(std::move(state)));  // The constructor is private.
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

const std::vector<std::string>& Server::addresses() const { return state_->addresses(); }

bool Server::Shutdown(absl::Duration grace) { return state_->Shutdown(grace); }

}  // namespace lossd
