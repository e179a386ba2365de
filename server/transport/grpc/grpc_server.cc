#include "server/transport/grpc/grpc_server.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "server/config/listen_address.h"
#include "server/transport/grpc/async_service.h"
#include "server/transport/grpc/served_method.h"

namespace lossd::transport {
namespace {

// gRPC refuses a message over its own limit before the server sees it, with a text that cannot name
// the flag. So that limit is higher, by this much at least, and the server checks its own. What a
// client can make the server hold stays bounded all the same.
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

void SetChannelOptions(const rpc::Limits& limits, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(GrpcReceiveLimit(limits.max_message_bytes));
  builder.SetMaxSendMessageSize(-1);  // The methods check their responses.
  // With it two servers would share a port, and each would get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A training job keeps its connection alive between steps, or through an evaluation. gRPC's own
  // tolerance is a ping in five minutes, and it closes the connection of a client that sends more.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(kShortestPingInterval)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(std::vector<rpc::MethodRow> methods,
                                                              const rpc::Limits& limits,
                                                              const GrpcServerOptions& options) {
  auto served = MatchMethods(std::move(methods));
  if (!served.ok()) return served.status();
  // The constructor is private.
  std::unique_ptr<GrpcServer> server(new GrpcServer(std::make_unique<AsyncService>(
      *std::move(served), limits, options.worker_count, options.filters)));
  absl::Status listening = server->Listen(limits, options.listen);
  if (!listening.ok()) return listening;
  return server;
}

GrpcServer::GrpcServer(std::unique_ptr<AsyncService> service) : service_(std::move(service)) {}

GrpcServer::~GrpcServer() { Shutdown(absl::ZeroDuration()); }

absl::Status GrpcServer::Listen(const rpc::Limits& limits, const std::vector<std::string>& listen) {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetChannelOptions(limits, builder);
  std::vector<int> ports(listen.size(), 0);
  for (size_t i = 0; i < listen.size(); ++i) {
    const std::string problem = WhyNotListen(listen[i]);
    if (!problem.empty()) return ListenError(listen[i], problem);
    builder.AddListeningPort(listen[i], grpc::InsecureServerCredentials(), &ports[i]);
  }
  service_->Register(builder);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    service_->Stop();
    // Another process was faster, or gRPC has its own reasons. It takes the addresses in turn, and
    // stops at the one that fails.
    const auto failed = std::find(ports.begin(), ports.end(), 0) - ports.begin();
    const std::string& address = listen[static_cast<size_t>(failed)];
    return ListenError(address, WhyNotListen(address));
  }
  service_->Start();
  for (size_t i = 0; i < ports.size(); ++i) addresses_.push_back(WithPort(listen[i], ports[i]));
  return absl::OkStatus();
}

bool GrpcServer::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return true;
  const absl::Time deadline = absl::Now() + grace;
  service_->StopServing();
  const bool finished = service_->Drain(deadline);
  service_->EndWatches(deadline);
  std::thread closing([&] { server_->Shutdown(absl::ToChronoTime(deadline)); });
  service_->WaitForCalls(deadline);
  // Calls of reflection may be left, and watches that nobody reads.
  grpc_server_cancel_all_calls(server_->c_server());
  closing.join();
  service_->Stop();
  server_ = nullptr;
  return finished;
}

}  // namespace lossd::transport
