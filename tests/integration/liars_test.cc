// Clients whose last messages let expect small ones, and that then send large ones, all at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"
#include "tests/integration/large_calls.h"

namespace lossd {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kBudgetMiB = 512;
constexpr int64_t kQuotaMiB = kBudgetMiB + kBudgetMiB / 4 + 64;  // gRPC's, which is above it
constexpr int kLiars = 64;
constexpr int64_t kLargeMiB = 32;
constexpr int kSmallBefore = 3;

// What tests/storm sets, which runs nothing beside it.
const char* const kSecondsAlone = std::getenv("LOSSD_STORM_SECONDS");

absl::Duration Lasts() {
  int64_t seconds = 5;
  if (kSecondsAlone != nullptr && !absl::SimpleAtoi(kSecondsAlone, &seconds)) {
    ADD_FAILURE() << kSecondsAlone;
  }
  return absl::Seconds(seconds);
}

class LiarsTest : public ::testing::Test {
 protected:
  LiarsTest() {
    const std::string line = process_.ReadLine().value_or("");
    absl::string_view address = line;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on "));
    address_ = std::string(address);
    const grpc::Slice small(SmallBatch().SerializeAsString());
    small_ = grpc::ByteBuffer(&small, 1);
    large_ = LargeBatch(kLargeMiB);
  }

  // Connects, sends small messages and a large one, and so on.
  void Lie() {
    while (!done_) {
      LargeCalls large(address_, large_);
      LargeCalls small = large.With(small_);
      for (int i = 0; i < kSmallBefore; ++i) Count(small);
      Count(large);
    }
  }

  void Count(LargeCalls& calls) {
    grpc::ByteBuffer response;
    const grpc::Status status = calls.Call(response);
    if (status.ok()) {
      ++answered_;
    } else if (SaysTryAgain(status)) {
      ++told_to_try_again_;
    } else {
      ++lost_;
    }
  }

  // Calls as one that does not lie.
  void CallTruly() {
    const auto stub = v1::LossService::NewStub(ConnectAlone(address_));
    while (!done_) {
      grpc::ClientContext context;
      v1::ComputeResponse response;
      const grpc::Status status = stub->Compute(&context, SmallBatch(), &response);
      ++true_calls_;
      if (status.ok()) continue;
      ++true_calls_lost_;
      const absl::MutexLock lock(&mutex_);
      error_ = status.error_message();
    }
  }

  ChildProcess process_{LOSSD_PROGRAM,
                        {"--listen", "127.0.0.1:0", "--max-in-flight-bytes",
                         absl::StrCat(kBudgetMiB, "MiB"), "--threads", "2"}};
  std::string address_;
  grpc::ByteBuffer small_;
  grpc::ByteBuffer large_;
  std::atomic<bool> done_ = false;
  std::atomic<int> answered_ = 0;
  std::atomic<int> told_to_try_again_ = 0;
  std::atomic<int> lost_ = 0;
  std::atomic<int> true_calls_ = 0;
  std::atomic<int> true_calls_lost_ = 0;
  absl::Mutex mutex_;
  std::string error_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(LiarsTest, TakeNeitherMemoryBeyondTheBudgetNorCallsFromOthers) {
  const int64_t idle = process_.ResidentBytes();
  std::vector<std::thread> threads;
  threads.emplace_back([this] { CallTruly(); });
  for (int i = 0; i < kLiars; ++i) threads.emplace_back([this] { Lie(); });
  int64_t most = 0;
  const absl::Time end = absl::Now() + Lasts();
  while (absl::Now() < end) {
    most = std::max(most, process_.ResidentBytes() - idle);
    absl::SleepFor(absl::Milliseconds(5));
  }
  done_ = true;
  for (std::thread& thread : threads) thread.join();
  const absl::MutexLock lock(&mutex_);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // They take memory, too.
  EXPECT_LE(most, kQuotaMiB * kMiB);
#endif
  EXPECT_EQ(true_calls_lost_, 0) << "of " << true_calls_ << ": " << error_;
  EXPECT_GT(answered_, 0);
  // Where the server's clock does not get its turn, a few are left to gRPC's quota.
  const int calls = answered_ + told_to_try_again_ + lost_;
  EXPECT_LE(lost_, kSecondsAlone != nullptr ? 0 : calls / 100) << "of " << calls;
  std::cout << answered_ << " of liars' calls answered, " << told_to_try_again_
            << " told to try again, " << lost_ << " lost; " << most / kMiB << " MiB at most; "
            << true_calls_lost_ << " of " << true_calls_ << " calls of another lost\n";
}

}  // namespace
}  // namespace lossd
