// What TLS costs: `tls_calls PLAIN TLS AUTHORITIES [TOKEN]` calls two servers at these addresses,
// in turn, with the same batch of 32×10, and prints the median of each and their ratio; then makes
// connections to the second for some seconds and prints how many a second. AUTHORITIES is a file.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/impl/codegen/rpc_method.h"
#include "grpcpp/security/credentials.h"
#include "tests/benchmark/compute_request.h"

namespace {

using Credentials = std::shared_ptr<grpc::ChannelCredentials>;

constexpr int kRounds = 5;
constexpr int kCallsOfARound = 2000;
constexpr int kConnecting = 4;
constexpr absl::Duration kConnectingTime = absl::Seconds(5);

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address, const Credentials& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

absl::Duration Call(grpc::Channel& channel, const grpc::ByteBuffer& request,
                    const std::string& token) {
  const grpc::internal::RpcMethod rpc("/lossd.v1.LossService/Compute",
                                      grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ByteBuffer response;
  const absl::Time start = absl::Now();
  grpc::ClientContext context;
  if (!token.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token));
  const grpc::Status status =
      grpc::internal::BlockingUnaryCall(&channel, rpc, &context, request, &response);
  const absl::Duration time = absl::Now() - start;
  if (!status.ok()) {
    std::cerr << status.error_message() << "\n";
    std::exit(1);
  }
  return time;
}

double MedianMicroseconds(std::vector<absl::Duration>& times) {
  std::nth_element(times.begin(), times.begin() + static_cast<int64_t>(times.size() / 2),
                   times.end());
  return absl::ToDoubleMicroseconds(times[times.size() / 2]);
}

void CompareCalls(grpc::Channel& plain, grpc::Channel& tls, const std::string& token) {
  const grpc::ByteBuffer request =
      lossd::benchmark::ComputeRequest(lossd::benchmark::MakeBatch(32, 10));
  for (int round = 0; round < kRounds; ++round) {
    std::vector<absl::Duration> plain_times;
    std::vector<absl::Duration> tls_times;
    for (int i = 0; i < kCallsOfARound; ++i) {
      plain_times.push_back(Call(plain, request, ""));
      tls_times.push_back(Call(tls, request, token));
    }
    const double before = MedianMicroseconds(plain_times);
    const double after = MedianMicroseconds(tls_times);
    std::cout << "32x10, p50: plain " << before << " µs, TLS" << (token.empty() ? "" : " and token")
              << " " << after << " µs, ratio " << after / before << std::endl;
  }
}

void CountConnections(const std::string& address, const Credentials& credentials) {
  std::atomic<int> connections = 0;
  const absl::Time end = absl::Now() + kConnectingTime;
  std::vector<std::thread> clients;
  for (int i = 0; i < kConnecting; ++i) {
    clients.emplace_back([&] {
      while (absl::Now() < end) {
        const auto channel = Connect(address, credentials);
        if (channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(5))) {
          ++connections;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  std::cout << "connections a second, client and server on one machine: "
            << connections / absl::ToDoubleSeconds(kConnectingTime) << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: tls_calls PLAIN TLS AUTHORITIES [TOKEN]\n";
    return 2;
  }
  const Credentials plain = grpc::InsecureChannelCredentials();
  const Credentials tls = grpc::SslCredentials({ReadFile(argv[3]), "", ""});
  CompareCalls(*Connect(argv[1], plain), *Connect(argv[2], tls), argc > 4 ? argv[4] : "");
  CountConnections(argv[1], plain);
  CountConnections(argv[2], tls);
  return 0;
}
