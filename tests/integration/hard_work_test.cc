// The program under calls that are small or quickly sent, and much work.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"
#include "tests/integration/large_calls.h"

namespace lossd {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int kMostLosses = 32;

class HardWorkTest : public ::testing::Test {
 protected:
  HardWorkTest() {
    const std::string line = process_.ReadLine().value_or("");
    absl::string_view address = line;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on "));
    address_ = std::string(address);
    stub_ = v1::LossService::NewStub(ConnectAlone(address_));
  }

  grpc::Status Compare(const v1::CompareRequest& request, absl::Duration timeout) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
    v1::CompareResponse response;
    return stub_->Compare(&context, request, &response);
  }

  ChildProcess process_{LOSSD_PROGRAM,
                        {"--listen", "127.0.0.1:0", "--threads", "1", "--drain-delay", "0s",
                         "--max-connection-age", "2s"}};
  std::string address_;
  std::unique_ptr<v1::LossService::Stub> stub_;
};

// No rows, and as many losses as may be, each of which weighs many classes.
v1::CompareRequest MuchInFewBytes() {
  v1::CompareRequest request;
  request.mutable_logits()->add_shape(0);
  request.mutable_logits()->add_shape(400'000);
  request.mutable_labels()->add_shape(0);
  for (int i = 0; i < kMostLosses; ++i) {
    v1::ClassWeighting& weighting = *request.add_losses()->mutable_class_weighting();
    weighting.mutable_scheme()->set_scheme(v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER);
  }
  request.set_present_classes_only(true);
  EXPECT_LT(request.ByteSizeLong(), 400);
  return request;
}

TEST_F(HardWorkTest, InFewBytesHoldsUpNobodyAndTakesLittleMemory) {
  [[maybe_unused]] const int64_t before = process_.MostResidentBytes();
  std::atomic<bool> done = false;
  std::atomic<int> small = 0;
  std::thread caller([&] {
    const auto stub = v1::LossService::NewStub(ConnectAlone(address_));
    while (!done) {
      grpc::ClientContext context;
      v1::ComputeResponse response;
      EXPECT_TRUE(stub->Compute(&context, SmallBatch(), &response).ok());
      ++small;
    }
  });
  constexpr int kCalls = 10;
  int with_some_beside = 0;
  for (int i = 0; i < kCalls; ++i) {
    const int at_first = small;
    const grpc::Status status = Compare(MuchInFewBytes(), absl::Minutes(1));
    EXPECT_TRUE(status.ok()) << status.error_message();
    // One may end just before, and one just after the large one.
    if (small - at_first > 3) ++with_some_beside;
  }
  done = true;
  caller.join();
  EXPECT_GE(with_some_beside, kCalls / 2);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // They take memory, too.
  EXPECT_LT(process_.MostResidentBytes() - before, 256 * kMiB);
#endif
}

TEST_F(HardWorkTest, OfManyEntriesOfTopKIsNoneForEachEntryAndRow) {
  constexpr int64_t kRows = 2'000'000;
  v1::ComputeRequest request;
  v1::Tensor& logits = *request.mutable_logits();
  logits.set_data_type(v1::DATA_TYPE_FLOAT16);
  logits.add_shape(kRows);
  logits.add_shape(2);
  logits.set_data(std::string(4 * kRows, '\0'));
  request.mutable_labels()->set_data_type(v1::DATA_TYPE_UINT8);
  request.mutable_labels()->add_shape(kRows);
  request.mutable_labels()->set_data(std::string(kRows, '\0'));
  request.mutable_outputs()->set_omit_losses(true);
  for (int k = 1; k <= 10'000; ++k) request.mutable_outputs()->add_top_k(k);
  [[maybe_unused]] const double before = process_.CpuSeconds();
  grpc::ClientContext context;
  v1::ComputeResponse response;
  const grpc::Status status = stub_->Compute(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.top_k_correct(9'999), kRows);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // They take time, too.
  // A nanosecond for each would be 20 seconds.
  EXPECT_LT(process_.CpuSeconds() - before, 5);
#endif
}

TEST_F(HardWorkTest, EndsWithItsDeadlineAndHoldsUpNoStop) {
  constexpr int64_t kRows = 100'000;
  constexpr int64_t kClasses = 80;
  v1::CompareRequest request;
  v1::Tensor& logits = *request.mutable_logits();
  logits.set_data_type(v1::DATA_TYPE_FLOAT16);
  logits.add_shape(kRows);
  logits.add_shape(kClasses);
  logits.set_data(std::string(2 * kRows * kClasses, '\0'));
  request.mutable_labels()->set_data_type(v1::DATA_TYPE_UINT8);
  request.mutable_labels()->add_shape(kRows);
  request.mutable_labels()->set_data(std::string(kRows, '\0'));
  // Ten seconds and more, of one thread.
  for (int i = 0; i < kMostLosses; ++i) {
    v1::LossSpec& loss = *request.add_losses();
    loss.mutable_symmetric_cross_entropy();
    loss.set_label_smoothing(0.1);
  }
  EXPECT_EQ(Compare(request, absl::Seconds(1)).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  absl::SleepFor(absl::Seconds(1));
  const double before = process_.CpuSeconds();
  absl::SleepFor(absl::Seconds(2));
  EXPECT_LT(process_.CpuSeconds() - before, 0.5);
  const absl::Time signalled = absl::Now();
  process_.Signal(SIGTERM);
  EXPECT_EQ(process_.Wait(), 0);
  // The connection leaves at its age, and no call is left.
  EXPECT_LT(absl::Now() - signalled, absl::Seconds(15));
}

}  // namespace
}  // namespace lossd
