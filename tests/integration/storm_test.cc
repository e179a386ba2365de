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
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"

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

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  // A call's time is not to be that of its connection.
  EXPECT_TRUE(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30)));
  return channel;
}

// A batch of `mebibytes` of logits, with its gradient.
v1::ComputeRequest Batch(int64_t mebibytes) {
  constexpr int64_t kClasses = 256;
  const int64_t rows = mebibytes * kMiB / kClasses / static_cast<int64_t>(sizeof(float));
  v1::ComputeRequest request;
  request.mutable_logits()->add_shape(rows);
  request.mutable_logits()->add_shape(kClasses);
  std::string& data = *request.mutable_logits()->mutable_data();
  data.assign(static_cast<size_t>(rows * kClasses) * sizeof(float), '\0');
  request.mutable_labels()->set_data_type(v1::DATA_TYPE_UINT8);
  request.mutable_labels()->set_data(std::string(static_cast<size_t>(rows), '\3'));
  request.mutable_labels()->add_shape(rows);
  request.mutable_outputs()->set_gradient(true);
  request.mutable_outputs()->set_omit_losses(true);
  return request;
}

v1::ComputeRequest SmallBatch() {
  v1::ComputeRequest request;
  for (int i = 0; i < 20; ++i) request.mutable_logits()->add_float_values(i);
  request.mutable_logits()->add_shape(2);
  request.mutable_logits()->add_shape(10);
  request.mutable_labels()->add_int_values(1);
  request.mutable_labels()->add_int_values(2);
  return request;
}

bool HasRetryInfo(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return false;
  return std::any_of(
      details.details().begin(), details.details().end(),
      [](const google::protobuf::Any& detail) { return detail.Is<google::rpc::RetryInfo>(); });
}

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

// The same call again and again, without a copy of its bytes.
class LargeCalls {
 public:
  LargeCalls(const std::string& address, const grpc::ByteBuffer& request)
      : stub_(Connect(address)), request_(request) {}

  grpc::Status Call(grpc::ByteBuffer& response) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto call =
        stub_.PrepareUnaryCall(&context, "/lossd.v1.LossService/Compute", request_, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

 private:
  grpc::GenericStub stub_;
  const grpc::ByteBuffer& request_;
};

class StormTest : public ::testing::Test {
 protected:
  StormTest() {
    absl::string_view address;
    line_ = process_.ReadLine().value_or("");
    address = line_;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on "));
    address_ = std::string(address);
    const std::string bytes = Batch(kRequestMiB).SerializeAsString();
    const grpc::Slice slice(bytes);
    request_ = grpc::ByteBuffer(&slice, 1);
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
        const bool may_be =
            status.error_code() == grpc::StatusCode::UNAVAILABLE && HasRetryInfo(status);
        if (!may_be) {
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
    const auto stub = v1::LossService::NewStub(Connect(address_));
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
