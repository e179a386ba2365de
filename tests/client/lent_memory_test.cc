// Arrays are sent without a copy, so gRPC must read them no more when a call returns, however it
// ends.
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/src/wire/loan.h"
#include "client/src/wire/message_pieces.h"
#include "gmock/gmock.h"
#include "grpcpp/support/slice.h"
#include "gtest/gtest.h"
#include "lossd/client.h"
#include "tests/client/stalling_server.h"

namespace lossd {
namespace {

constexpr int64_t kClasses = 1000;
constexpr int64_t kRows = 3000;  // 12 MB

Client MakeClient(const std::string& target, absl::Duration stall_timeout = absl::Seconds(20)) {
  ClientOptions options;
  options.target = target;
  options.stall_timeout = stall_timeout;
  absl::StatusOr<Client> client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

// Returns logits whose bytes are all `value`.
std::vector<float> LogitsOf(int value) {
  std::vector<float> logits(kRows * kClasses);
  std::memset(logits.data(), value, logits.size() * sizeof(float));
  return logits;
}

absl::Status ComputeLarge(const Client& client, const std::vector<float>& logits) {
  const std::vector<int64_t> labels(kRows, 0);
  CallOptions call;
  call.deadline = absl::Milliseconds(300);
  return client
      .Compute(ArrayView<float>(logits, {kRows, kClasses}), ArrayView<int64_t>(labels, {kRows}), {},
               {}, call)
      .status();
}

TEST(LoanTest, IsReturnedWithTheLastReference) {
  const std::string bytes(100, 'x');
  client::Loan loan;
  EXPECT_TRUE(loan.returned());
  auto first = std::make_unique<grpc::Slice>(loan.Lend(bytes));
  auto second = std::make_unique<grpc::Slice>(loan.Lend(bytes));
  auto part = std::make_unique<grpc::Slice>(first->sub(10, 90));
  EXPECT_EQ(static_cast<const void*>(first->begin()), bytes.data());
  first.reset();
  second.reset();
  EXPECT_FALSE(loan.returned());
  part.reset();
  EXPECT_TRUE(loan.returned());
}

TEST(LoanTest, WaitsForAReturnOnAnotherThread) {
  const std::string bytes(100, 'x');
  client::Loan loan;
  std::thread holder([slice = loan.Lend(bytes)]() mutable {
    absl::SleepFor(absl::Milliseconds(50));
    slice = grpc::Slice();
  });
  int polls = 0;
  loan.WaitUntilReturned([&polls](absl::Duration) { ++polls; });
  EXPECT_GT(polls, 0);
  EXPECT_TRUE(loan.returned());
  holder.join();
}

TEST(LoanTest, SmallArraysAreCopied) {
  v1::Tensor head;
  head.add_shape(100);
  const std::string small(100, 'x');
  const std::string large(100'000, 'x');
  client::MessagePieces pieces;
  pieces.AppendTensor(2, head, small);
  client::Loan loan;
  const grpc::ByteBuffer copied = pieces.Lend(loan);
  EXPECT_TRUE(loan.returned());
  pieces.AppendTensor(3, head, large);
  const grpc::ByteBuffer lent = pieces.Lend(loan);
  EXPECT_FALSE(loan.returned());
}

TEST(LentMemoryTest, AStalledConnectionIsGivenUp) {
  testing::StallingServer server;
  const Client client = MakeClient(server.address(), absl::Seconds(1));
  const absl::Time start = absl::Now();
  const absl::Status status = ComputeLarge(client, LogitsOf(0xa1));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(absl::Now() - start, absl::Seconds(1)) << "the array was not stuck";
}

TEST(LentMemoryTest, AStallThatEndsIsWaitedFor) {
  testing::StallingServer server;
  const Client client = MakeClient(server.address());
  std::thread resume([&server] {
    absl::SleepFor(absl::Seconds(1));
    server.Resume();
  });

  std::vector<float> logits = LogitsOf(0xa1);
  const absl::Status status = ComputeLarge(client, logits);
  std::memset(logits.data(), 0xb2, logits.size() * sizeof(float));

  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  resume.join();
  // A call, which makes the connection write what it has left.
  CallOptions call;
  call.deadline = absl::Milliseconds(500);
  EXPECT_FALSE(client.GetServerInfo(call).ok());
  EXPECT_TRUE(server.Saw(0xa1));
  EXPECT_FALSE(server.Saw(0xb2)) << "the array was read after the call had returned";
  EXPECT_FALSE(server.ended());
}

}  // namespace
}  // namespace lossd
