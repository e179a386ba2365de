#include "tests/benchmark/raw_call.h"

#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/impl/codegen/rpc_method.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace lossd::benchmark {
namespace {

// Long: the slowest call that is measured takes seconds.
constexpr auto kDeadline = std::chrono::minutes(2);

absl::StatusOr<int64_t> CallOnce(grpc::Channel& channel, const std::string& method,
                                 const grpc::ByteBuffer& request) {
  const grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  grpc::ByteBuffer response;
  const grpc::Status status =
      grpc::internal::BlockingUnaryCall(&channel, rpc, &context, request, &response);
  if (!status.ok()) {
    return {
        absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message())};
  }
  return static_cast<int64_t>(response.Length());
}

// One thread's connection and how it fared.
struct Caller {
  std::shared_ptr<grpc::Channel> channel;
  absl::Status status;
};

void CallRepeatedly(Caller& caller, const std::string& method, const grpc::ByteBuffer& request,
                    int64_t calls) {
  for (int64_t i = 0; i < calls && caller.status.ok(); ++i) {
    caller.status = CallOnce(*caller.channel, method, request).status();
  }
}

// Runs `calls` calls of each caller, all at once.
absl::Status CallFromAll(std::vector<Caller>& callers, const std::string& method,
                         const grpc::ByteBuffer& request, int64_t calls) {
  std::vector<std::thread> threads;
  threads.reserve(callers.size());
  for (Caller& caller : callers) {
    threads.emplace_back([&] { CallRepeatedly(caller, method, request, calls); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Caller& caller : callers) {
    if (!caller.status.ok()) return caller.status;
  }
  return absl::OkStatus();
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeRawChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

absl::StatusOr<Latencies> CallInTurn(const std::shared_ptr<grpc::Channel>& channel,
                                     const std::string& method, const grpc::ByteBuffer& request,
                                     int64_t calls, absl::Duration silence) {
  Latencies latencies;
  for (int64_t i = 0; i < calls; ++i) {
    absl::SleepFor(silence);
    const absl::Time start = absl::Now();
    const auto response_bytes = CallOnce(*channel, method, request);
    if (!response_bytes.ok()) return response_bytes.status();
    latencies.calls.push_back(absl::Now() - start);
    latencies.total += latencies.calls.back();
    latencies.response_bytes = *response_bytes;
  }
  return latencies;
}

absl::StatusOr<Latencies> CallTogether(const std::string& address, const std::string& method,
                                       const grpc::ByteBuffer& request, int64_t calls,
                                       int64_t clients) {
  std::vector<Caller> callers(static_cast<size_t>(clients));
  for (Caller& caller : callers) caller.channel = MakeRawChannel(address);
  if (absl::Status status = CallFromAll(callers, method, request, 1); !status.ok()) return status;
  Latencies latencies;
  const absl::Time start = absl::Now();
  if (absl::Status status = CallFromAll(callers, method, request, calls / clients); !status.ok()) {
    return status;
  }
  latencies.total = absl::Now() - start;
  return latencies;
}

}  // namespace lossd::benchmark
