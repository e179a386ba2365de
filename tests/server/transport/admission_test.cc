#include "server/transport/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace lossd::transport {
namespace {

using ::testing::HasSubstr;

TEST(AdmissionTest, AdmitsBytesUpToTheLimitAndRefusesPastIt) {
  Admission admission(100);
  EXPECT_TRUE(admission.AdmitBytes(60).ok());
  EXPECT_TRUE(admission.AdmitBytes(40).ok());
  const absl::Status refused = admission.AdmitBytes(1);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("limit of 100 bytes"));
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo"));

  admission.ReturnBytes(40);
  EXPECT_TRUE(admission.AdmitBytes(40).ok());
}

TEST(AdmissionTest, ARefusedRequestCountsForNothing) {
  Admission admission(100);
  EXPECT_TRUE(admission.AdmitBytes(60).ok());
  EXPECT_FALSE(admission.AdmitBytes(60).ok());
  EXPECT_TRUE(admission.AdmitBytes(40).ok());
}

TEST(AdmissionTest, AloneARequestOfAnySizeIsAdmitted) {
  Admission admission(100);
  EXPECT_TRUE(admission.AdmitBytes(1000).ok());
  EXPECT_FALSE(admission.AdmitBytes(1).ok());
}

TEST(AdmissionTest, ARequestThatCanWaitGetsBytesInTheFirstHalfOnly) {
  Admission admission(100);
  EXPECT_TRUE(admission.AdmitBytesAhead(30));
  EXPECT_FALSE(admission.AdmitBytesAhead(21));
  EXPECT_TRUE(admission.AdmitBytesAhead(20));
  EXPECT_FALSE(admission.AdmitBytesAhead(1));
  // Whoever cannot wait has the other half.
  EXPECT_TRUE(admission.AdmitBytes(50).ok());
  EXPECT_FALSE(admission.AdmitBytesAhead(1));
  admission.ReturnBytes(51);
  EXPECT_TRUE(admission.AdmitBytesAhead(1));
  EXPECT_FALSE(admission.AdmitBytesAhead(1000));
}

TEST(AdmissionTest, DrainingRefusesNewCallsAndWaitsForTheOthers) {
  Admission admission(100);
  EXPECT_TRUE(admission.AdmitCall().ok());
  admission.Drain();
  const absl::Status refused = admission.AdmitCall();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("shutting down"));
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo"));

  EXPECT_FALSE(admission.WaitUntilDrained(absl::Now() + absl::Milliseconds(10)));
  std::thread other([&] { admission.EndCall(); });
  EXPECT_TRUE(admission.WaitUntilDrained(absl::InfiniteFuture()));
  other.join();
}

TEST(AdmissionTest, AnIdleServerDrainsAtOnce) {
  Admission admission(100);
  admission.Drain();
  EXPECT_TRUE(admission.WaitUntilDrained(absl::InfinitePast()));
}

TEST(AdmissionTest, DrainingTellsClientsThatCallOnButNotForever) {
  Admission admission(100);
  admission.Drain();
  absl::Notification drained;
  int refused = 0;
  std::thread client([&] {
    while (!drained.HasBeenNotified()) {
      if (!admission.AdmitCall().ok()) ++refused;
      absl::SleepFor(absl::Milliseconds(5));
    }
  });
  const absl::Time start = absl::Now();
  absl::SleepFor(absl::Milliseconds(20));
  EXPECT_TRUE(admission.WaitUntilDrained(absl::InfiniteFuture()));
  const absl::Duration taken = absl::Now() - start;
  drained.Notify();
  client.join();
  EXPECT_GT(refused, 1);
  EXPECT_GE(taken, absl::Milliseconds(500));
  EXPECT_LT(taken, absl::Seconds(30));
}

}  // namespace
}  // namespace lossd::transport
