// More large calls than may be in flight, for seconds; tests/storm does it for minutes.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"
#include "tests/integration/large_calls.h"

namespace lossd {
namespace {

constexpr int64_t kMiB = 1 << 20;

int64_t Setting(const char* name, int64_t in_ci) {
  int64_t value = in_ci;
  const char* text = std::getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : in_ci;
}

const int64_t kSeconds = Setting("LOSSD_STORM_SECONDS", 10);
const int64_t kQuietSeconds = Setting("LOSSD_STORM_QUIET_SECONDS", 10);
const int64_t kClients = Setting("LOSSD_STORM_CLIENTS", 64);
const int64_t kRequestMiB = Setting("LOSSD_STORM_REQUEST_MIB", 32);
const int64_t kBudgetMiB = Setting("LOSSD_STORM_BUDGET_MIB", 512);

bool SameBytes(const grpc::ByteBuffer& a, const std::string& b) {
  std::vector<grpc::Slice> slices;
  if (!a.Dump(&slices).ok() || a.Length() != b.size()) return false;
  size_t at = 0;
  for (const grpc::Slice& slice : slices) {
    if (!std::equal(slice.begin(), slice.end(), reinterpret_cast<const uint8_t*>(&b[at]))) {
      return false;
    }
    at += slice.size();
  }
  return true;
}

std::string Text(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(slice.begin(), slice.end());
  return text;
}

class StormTest : public ::testing::Test {
 protected:
  StormTest() {
    absl::string_view address;
    line_ = process_.ReadLine().value_or("");
    address = line_;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on "));
    address_ = std::string(address);
    request_ = LargeBatch(kRequestMiB);
    idle_ = process_.ResidentBytes();
  }

  // Calls until the end. Notes when a call begins, and which calls are answered.
  void SendLarge() {
    setpriority(PRIO_PROCESS, 0, 19);  // of this thread
    LargeCalls calls(address_, request_);
    while (!done_) {
      const absl::Time begin = absl::Now();
      grpc::ByteBuffer response;
      const grpc::Status status = calls.Call(response);
      if (status.ok()) {
        if (!SameBytes(response, expected_)) ++wrong_;
        ++answered_;
        const absl::MutexLock lock(&mutex_);
        begins_.push_back(begin);
      } else {
        if (!SaysTryAgain(status)) {
          ++wrong_;
          ADD_FAILURE() << status.error_code() << ": " << status.error_message();
        }
        ++refused_;
        absl::SleepFor(absl::Milliseconds(20));
      }
    }
  }

  // Calls until the end; no large call that began later is to be answered earlier, but for a few.
  void SendSmall() {
    const auto stub = v1::LossService::NewStub(ConnectAlone(address_));
    while (!done_) {
      const absl::Time begin = absl::Now();
      grpc::ClientContext context;
      v1::ComputeResponse response;
      const grpc::Status status = stub->Compute(&context, SmallBatch(), &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      const absl::MutexLock lock(&mutex_);
      longest_ = std::max(longest_, absl::Now() - begin);
      most_passed_ =
          std::max(most_passed_, std::count_if(begins_.begin(), begins_.end(),
                                               [&](absl::Time other) { return other > begin; }));
      ++small_;
    }
  }

  ChildProcess process_{LOSSD_PROGRAM,
                        {"--listen", "127.0.0.1:0", "--max-in-flight-bytes",
                         absl::StrCat(kBudgetMiB, "MiB"), "--threads", "2"}};
  std::string line_;
  std::string address_;
  grpc::ByteBuffer request_;
  std::string expected_;
  int64_t idle_ = 0;
  std::atomic<bool> done_ = false;
  std::atomic<int> answered_ = 0;
  std::atomic<int> refused_ = 0;
  std::atomic<int> wrong_ = 0;
  absl::Mutex mutex_;
  std::vector<absl::Time> begins_ ABSL_GUARDED_BY(mutex_);  // of the large calls that were answered
  absl::Duration longest_ ABSL_GUARDED_BY(mutex_);
  int64_t most_passed_ ABSL_GUARDED_BY(mutex_) = 0;
  int small_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(StormTest, StaysWithinTheBudgetAnswersRightAndGivesItsMemoryBack) {
  grpc::ByteBuffer response;
  ASSERT_TRUE(LargeCalls(address_, request_).Call(response).ok());
  expected_ = Text(response);
  response.Clear();
  std::vector<std::thread> threads;
  threads.emplace_back([this] { SendSmall(); });
  for (int i = 0; i < kClients; ++i) threads.emplace_back([this] { SendLarge(); });
  int64_t most = 0;
  const absl::Time end = absl::Now() + absl::Seconds(kSeconds);
  while (absl::Now() < end) {
    most = std::max(most, process_.ResidentBytes() - idle_);
    absl::SleepFor(absl::Milliseconds(20));
  }
  done_ = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong_, 0);
  EXPECT_GT(answered_, 0);
  EXPECT_LE(most, kBudgetMiB * kMiB * 5 / 4);

  const absl::Time give_up = absl::Now() + absl::Seconds(kQuietSeconds);
  int64_t kept = 0;
  do {
    absl::SleepFor(absl::Milliseconds(100));
    kept = process_.ResidentBytes() - idle_;
  } while (kept > 64 * kMiB && absl::Now() < give_up);
  EXPECT_LE(kept, 64 * kMiB);

  const absl::MutexLock lock(&mutex_);
  EXPECT_GT(small_, 0);
  EXPECT_LT(most_passed_, 10);
  std::cout << answered_ << " answered, " << refused_ << " asked to try again, " << most / kMiB
            << " MiB at most, " << kept / kMiB << " MiB kept; " << small_
            << " small calls, the longest " << longest_ << ", passed by " << most_passed_ << "\n";
}

}  // namespace
}  // namespace lossd
