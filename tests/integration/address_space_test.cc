// The program where the system gives it so much memory and no more.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"
#include "tests/integration/large_calls.h"

namespace lossd {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kLimitMiB = 2048;
constexpr int64_t kBudgetMiB = kLimitMiB / 2;
constexpr int kClients = 64;
constexpr int64_t kRequestMiB = 60;
constexpr absl::Duration kStorm = absl::Seconds(5);

class AddressSpaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer takes terabytes of addresses";
#endif
    process_.emplace(
        "/bin/sh",
        std::vector<std::string>{
            "-c", absl::StrCat("ulimit -v ", kLimitMiB << 10, R"( && exec "$0" "$@")"),
            LOSSD_PROGRAM, "--listen", "127.0.0.1:0", "--threads", "2", "--max-in-flight-bytes",
            absl::StrCat(kBudgetMiB, "MiB"), "--drain-delay", "0s", "--max-connection-age", "1s"});
    const std::string line = process_->ReadLine().value_or("");
    absl::string_view address = line;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << process_->ErrorOutput();
    address_ = std::string(address);
  }

  // Calls until the end. gRPC ends the process when it gets no memory; below that there are answers
  // and refusals alone.
  void SendLarge() {
    LargeCalls calls(address_, request_);
    while (!done_) {
      grpc::ByteBuffer response;
      const grpc::Status status = calls.Call(response);
      if (status.ok()) {
        ++answered_;
        continue;
      }
      if (!SaysTryAgain(status)) {
        ADD_FAILURE() << status.error_code() << ": " << status.error_message();
        return;
      }
      ++refused_;
      absl::SleepFor(absl::Milliseconds(20));
    }
  }

  std::optional<ChildProcess> process_;
  std::string address_;
  const grpc::ByteBuffer request_ = LargeBatch(kRequestMiB);
  std::atomic<bool> done_ = false;
  std::atomic<int> answered_ = 0;
  std::atomic<int> refused_ = 0;
};

TEST_F(AddressSpaceTest, OfTwiceTheBudgetHoldsAStormAndTheNextCallIsServed) {
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back([this] { SendLarge(); });
  absl::SleepFor(kStorm);
  done_ = true;
  for (std::thread& client : clients) client.join();
  EXPECT_GT(answered_, 0);
  const int64_t most = process_->MostVirtualBytes();
  EXPECT_LT(most, kLimitMiB * kMiB);

  grpc::ClientContext context;
  v1::ComputeResponse response;
  const grpc::Status status =
      v1::LossService::NewStub(ConnectAlone(address_))->Compute(&context, SmallBatch(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.valid_count(), 2);
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0);
  std::cout << answered_ << " answered, " << refused_ << " asked to try again, " << most / kMiB
            << " of " << kLimitMiB << " MiB of addresses\n";
}

}  // namespace
}  // namespace lossd
