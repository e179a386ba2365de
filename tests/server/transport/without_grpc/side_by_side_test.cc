#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "lossd/v1/loss_service.pb.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/limits.h"
#include "server/rpc/method_table.h"
#include "server/threads/executor.h"
#include "tests/server/transport/without_grpc/memory_server.h"

namespace lossd::transport {
namespace {

// One is computed on the queue's thread, the other on a worker, in several blocks.
constexpr int64_t kSmallRows = 8;
constexpr int64_t kLargeRows = 3000;
constexpr int64_t kClasses = 8;

v1::ComputeRequest Request(int64_t rows) {
  std::vector<float> logits(static_cast<size_t>(rows * kClasses));
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7 % 31) / 8;
  v1::ComputeRequest request;
  v1::Tensor& tensor = *request.mutable_logits();
  tensor.set_data_type(v1::DATA_TYPE_FLOAT32);
  tensor.add_shape(rows);
  tensor.add_shape(kClasses);
  tensor.mutable_data()->assign(reinterpret_cast<const char*>(logits.data()),
                                logits.size() * sizeof(float));
  for (int64_t i = 0; i < rows; ++i) request.mutable_labels()->add_int_values(i % kClasses);
  request.mutable_loss()->mutable_cross_entropy();
  request.mutable_outputs()->set_gradient(true);
  return request;
}

grpc::ByteBuffer Bytes(const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes.data(), bytes.size());
  return {&slice, 1};
}

grpc::ByteBuffer Batch(uint64_t sequence, const v1::ComputeRequest& request) {
  v1::ComputeStreamRequest message;
  message.set_sequence(sequence);
  *message.mutable_request() = request;
  return Bytes(message);
}

template <typename Message>
Message Parsed(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(slice.begin(), slice.end());
  Message message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

// Counts what it is told of.
class Counts final : public rpc::CallFilter {
 public:
  absl::Status Arrived(const rpc::CallInfo&) override {
    ++arrived;
    return absl::OkStatus();
  }
  void Ended(const rpc::CallInfo&, const absl::Status&, const rpc::CallCosts& costs) override {
    ++ended;
    response_bytes += costs.response_bytes;
  }
  bool WantsTimes() const override { return true; }

  std::atomic<int> arrived = 0;
  std::atomic<int> ended = 0;
  std::atomic<int64_t> response_bytes = 0;
};

class SideBySideTest : public ::testing::Test {
 protected:
  SideBySideTest() { Serve(int64_t{1} << 30); }

  void Serve(int64_t max_in_flight_bytes) {
    limits_.max_in_flight_bytes = max_in_flight_bytes;
    server_.reset();
    CallEnvironment::Options options;
    options.worker_count = 2;
    options.filters = {&counts_};
    environment_.emplace(limits_, std::move(options));
    server_.emplace(rpc::MakeMethods(handlers_, limits_), *environment_);
  }

  // Runs `client` on so many threads, with the number of each.
  static void Clients(int count, const std::function<void(int)>& client) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&client, i] { client(i); });
    for (std::thread& thread : threads) thread.join();
  }

  const v1::ComputeRequest small_ = Request(kSmallRows);
  const v1::ComputeRequest large_ = Request(kLargeRows);
  rpc::Limits limits_;
  Executor executor_{2};
  rpc::Handlers handlers_{{limits_, executor_, BufferPool::Create(size_t{64} << 20), {"1.2.3"}}};
  Counts counts_;
  std::optional<CallEnvironment> environment_;
  std::optional<MemoryServer> server_;
};

TEST_F(SideBySideTest, CallsGetTheSameAnswersAsAlone) {
  const auto compute = [&](const v1::ComputeRequest& request) {
    const auto call = server_->Start("lossd.v1.LossService/Compute");
    call->Send(Bytes(request));
    call->Close();
    const auto answer = call->Receive();
    EXPECT_TRUE(call->Finish().ok());
    return answer ? Parsed<v1::ComputeResponse>(*answer).SerializeAsString() : "";
  };
  const std::string small_answer = compute(small_);
  const std::string large_answer = compute(large_);
  EXPECT_GT(large_answer.size(), small_answer.size());
  Clients(4, [&](int client) {
    for (int i = 0; i < 10; ++i) {
      const bool is_small = (client + i) % 2 == 0;
      EXPECT_EQ(compute(is_small ? small_ : large_), is_small ? small_answer : large_answer);
    }
  });
  server_.reset();
  EXPECT_EQ(counts_.arrived, 42);
  EXPECT_EQ(counts_.ended, 42);
}

TEST_F(SideBySideTest, StreamsAnswerInTheirOrderWhileTheClientSendsOn) {
  Clients(3, [&](int client) {
    constexpr uint64_t kBatches = 40;
    const auto call = server_->Start("lossd.v1.LossService/ComputeStream");
    std::thread sender([&] {
      for (uint64_t i = 0; i < kBatches; ++i) {
        call->Send(Batch(i, (i + static_cast<uint64_t>(client)) % 4 == 0 ? large_ : small_));
      }
      call->Close();
    });
    for (uint64_t i = 0; i < kBatches; ++i) {
      const auto answer = call->Receive();
      ASSERT_TRUE(answer);
      const auto message = Parsed<v1::ComputeStreamResponse>(*answer);
      EXPECT_EQ(message.sequence(), i);
      EXPECT_TRUE(message.has_response()) << message.ShortDebugString();
    }
    EXPECT_TRUE(call->Finish().ok());
    sender.join();
  });
}

// Each client ends its stream at another place: before it sends, between batches, with answers that
// it never received, by a deadline.
TEST_F(SideBySideTest, ClientsGoAwayAnywhere) {
  constexpr size_t kUnreadAnswers = 2;
  Clients(4, [&](int client) {
    for (int i = 0; i < 12; ++i) {
      const bool has_deadline = i % 4 == client;
      const auto deadline =
          has_deadline ? absl::Now() + absl::Milliseconds(i) : absl::InfiniteFuture();
      const auto call =
          server_->Start("lossd.v1.LossService/ComputeStream", deadline, kUnreadAnswers);
      for (int j = 0; j < i; ++j) {
        call->Send(Batch(static_cast<uint64_t>(j), (i + j) % 3 == 0 ? large_ : small_));
        if (j % 5 == client) call->Receive();
      }
      if (i % 2 == 0) call->Close();
      call->Cancel();
      call->Finish();

      const auto single = server_->Start("lossd.v1.LossService/Compute", deadline);
      if (i % 3 != 0) single->Send(Bytes(i % 3 == 1 ? small_ : large_));
      single->Cancel();
      single->Finish();
    }
  });
  server_.reset();
  EXPECT_EQ(counts_.arrived, 96);
  EXPECT_EQ(counts_.ended, 96);
}

TEST_F(SideBySideTest, StreamsShareABudgetThatIsTooSmallForThem) {
  Serve(int64_t{3} * static_cast<int64_t>(Batch(0, large_).Length()));
  Clients(4, [&](int client) {
    constexpr uint64_t kBatches = 12;
    const auto call =
        server_->Start("lossd.v1.LossService/ComputeStream", absl::InfiniteFuture(), 1);
    for (uint64_t i = 0; i < kBatches; ++i) {
      call->Send(Batch(i, (i + static_cast<uint64_t>(client)) % 3 == 2 ? small_ : large_));
    }
    call->Close();
    for (uint64_t i = 0; i < kBatches; ++i) {
      const auto answer = call->Receive();
      ASSERT_TRUE(answer);
      const auto message = Parsed<v1::ComputeStreamResponse>(*answer);
      EXPECT_EQ(message.sequence(), i);
      if (!message.has_error()) continue;
      EXPECT_EQ(message.error().code(), grpc::StatusCode::UNAVAILABLE);
    }
    EXPECT_TRUE(call->Finish().ok());
  });
}

TEST_F(SideBySideTest, ADrainEndsStreamsAfterTheBatchesThatTheyHaveRead) {
  std::atomic<int> answered = 0;
  std::thread drain([&] {
    while (answered < 20) std::this_thread::yield();
    EXPECT_TRUE(environment_->FinishCalls(Drain::Clock::time_point::max()));
  });
  Clients(3, [&](int client) {
    const auto call = server_->Start("lossd.v1.LossService/ComputeStream");
    std::atomic<bool> ended = false;
    std::thread sender([&] {
      for (uint64_t i = 0; !ended; ++i) {
        call->Send(Batch(i, (i + static_cast<uint64_t>(client)) % 4 == 0 ? large_ : small_));
        absl::SleepFor(absl::Microseconds(200));
      }
    });
    uint64_t next = 0;
    while (const auto answer = call->Receive()) {
      EXPECT_EQ(Parsed<v1::ComputeStreamResponse>(*answer).sequence(), next++);
      ++answered;
    }
    EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
    ended = true;
    sender.join();
  });
  drain.join();
}

}  // namespace
}  // namespace lossd::transport
