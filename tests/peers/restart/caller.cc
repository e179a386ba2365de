// Calls lossd as caller.py beside this file does, with C++'s gRPC.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/slice.h"

namespace {

constexpr char kCompute[] = "/lossd.v1.LossService/Compute";
constexpr char kStream[] = "/lossd.v1.LossService/ComputeStream";
constexpr std::chrono::milliseconds kInterval(3);
constexpr std::chrono::milliseconds kLargeInterval(50);
constexpr std::chrono::seconds kTimeout(30);
constexpr int kThreads = 32;

struct Counts {
  std::atomic<int> small = 0;
  std::atomic<int> large = 0;
  std::atomic<int> batches = 0;
  std::atomic<int> streams = 0;
  std::atomic<int> cut = 0;  // streams that ended otherwise than a server ends them
  std::atomic<int> failed = 0;
  std::mutex mutex;
  std::vector<std::string> errors;

  void Note(const char* what, const grpc::Status& status, std::atomic<int>& count) {
    ++count;
    const std::lock_guard lock(mutex);
    std::ostringstream text;
    text << what << ": " << status.error_code() << ' ' << status.error_message();
    if (errors.size() < 10) errors.push_back(text.str());
  }
};

class Caller {
 public:
  explicit Caller(const std::string& target) {
    grpc::ChannelArguments arguments;
    arguments.SetLoadBalancingPolicyName("round_robin");
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // Beyond it gRPC does not send again what a leaving connection has not taken.
    arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, 64 << 20);
    stub_.emplace_back(
        grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
  }

  void SmallCalls(const grpc::ByteBuffer& request) {
    std::atomic<int> due = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        while (!stop_) {
          int one = due;
          if (one > 0 && due.compare_exchange_strong(one, one - 1)) {
            Call("small", request, counts_.small);
          } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }
      });
    }
    auto next = std::chrono::steady_clock::now();
    while (!stop_) {
      ++due;
      next += kInterval;
      std::this_thread::sleep_until(next);
    }
    for (std::thread& thread : threads) thread.join();
  }

  void LargeCalls(const grpc::ByteBuffer& request) {
    while (!stop_) {
      Call("large", request, counts_.large);
      std::this_thread::sleep_for(kLargeInterval);
    }
  }

  void Batches(const grpc::ByteBuffer& batch) {
    while (!stop_) {
      ++counts_.streams;
      const grpc::Status status = OneStream(batch);
      // A server that stops ends it so, and has answered what it took.
      const bool stops = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                         status.error_message().find("shutting down") != std::string::npos;
      if (!status.ok() && !stops) counts_.Note("stream", status, counts_.cut);
    }
  }

  void Stop() { stop_ = true; }

  void Print() {
    std::cout << "{\"small\": " << counts_.small << ", \"large\": " << counts_.large
              << ", \"batches\": " << counts_.batches << ", \"streams\": " << counts_.streams
              << ", \"cut\": " << counts_.cut << ", \"failed\": " << counts_.failed
              << ", \"errors\": [";
    const char* separator = "";
    for (std::string error : counts_.errors) {
      std::replace(error.begin(), error.end(), '"', '\'');
      std::replace(error.begin(), error.end(), '\\', '/');
      std::cout << separator << '"' << error << '"';
      separator = ", ";
    }
    std::cout << "]}" << std::endl;
  }

 private:
  static void WaitFor(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
  }

  void Call(const char* name, const grpc::ByteBuffer& request, std::atomic<int>& count) {
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kTimeout);
    const auto call = stub_.front().PrepareUnaryCall(&context, kCompute, request, &queue);
    call->StartCall();
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    WaitFor(queue);
    if (status.ok()) {
      ++count;
    } else {
      counts_.Note(name, status, counts_.failed);
    }
  }

  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  }

  grpc::Status OneStream(const grpc::ByteBuffer& batch) {
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    const auto stream = stub_.front().PrepareCall(&context, kStream, &queue);
    stream->StartCall(nullptr);
    bool open = Next(queue);
    while (open && !stop_) {
      stream->Write(batch, nullptr);
      open = Next(queue);
      if (!open) break;
      grpc::ByteBuffer answer;
      stream->Read(&answer, nullptr);
      open = Next(queue);
      if (open) ++counts_.batches;
    }
    if (open) {
      stream->WritesDone(nullptr);
      WaitFor(queue);
    }
    grpc::Status status;
    stream->Finish(&status, nullptr);
    WaitFor(queue);
    return status;
  }

  std::deque<grpc::GenericStub> stub_;  // one
  std::atomic<bool> stop_ = false;
  Counts counts_;
};

grpc::ByteBuffer ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  Caller caller(argv[1]);
  const grpc::ByteBuffer small = ReadFile(argv[2]);
  const grpc::ByteBuffer large = ReadFile(argv[3]);
  const grpc::ByteBuffer batch = ReadFile(argv[4]);
  std::vector<std::thread> threads;
  threads.emplace_back([&] { caller.SmallCalls(small); });
  threads.emplace_back([&] { caller.LargeCalls(large); });
  threads.emplace_back([&] { caller.Batches(batch); });
  std::cout << "calling" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) continue;
  caller.Stop();
  for (std::thread& thread : threads) thread.join();
  caller.Print();
}
