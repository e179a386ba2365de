#include "server/transport/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

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

TEST(AdmissionTest, BytesAreReservedInTheFirstHalfOnly) {
  Admission admission(100);
  EXPECT_TRUE(admission.ReserveBytes(30));
  EXPECT_FALSE(admission.ReserveBytes(21));
  EXPECT_TRUE(admission.ReserveBytes(20));
  EXPECT_FALSE(admission.ReserveBytes(1));
  admission.CancelReservation(20);
  EXPECT_TRUE(admission.AdmitBytes(20).ok());
  EXPECT_FALSE(admission.ReserveBytes(1));
  admission.ReturnBytes(20);
  EXPECT_TRUE(admission.ReserveBytes(1));
  EXPECT_FALSE(admission.ReserveBytes(1000));
}

TEST(AdmissionTest, AReservationKeepsNothingFromOthersAndIsGoodWhenTheyTakeAll) {
  Admission admission(100);
  EXPECT_TRUE(admission.ReserveBytes(50));
  EXPECT_TRUE(admission.AdmitBytes(100).ok());
  EXPECT_TRUE(admission.AdmitReserved(50, 45).ok());
  // All that was reserved is free again, and the 45 bytes are in flight.
  admission.ReturnBytes(100);
  EXPECT_TRUE(admission.ReserveBytes(5));
  EXPECT_FALSE(admission.ReserveBytes(1));
}

TEST(AdmissionTest, WhatIsLargerThanItsReservationIsAdmittedAsOthersAre) {
  Admission admission(100);
  EXPECT_TRUE(admission.ReserveBytes(10));
  EXPECT_TRUE(admission.AdmitReserved(10, 60).ok());
  EXPECT_FALSE(admission.ReserveBytes(1));
  EXPECT_EQ(admission.AdmitReserved(0, 41).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(admission.AdmitReserved(0, 40).ok());
}

TEST(AdmissionTest, WhatIsInMemoryIsReservedPastTheLimitAndThenAdmitted) {
  Admission admission(100);
  EXPECT_TRUE(admission.AdmitBytes(90).ok());
  admission.ReserveInMemory(60);
  EXPECT_TRUE(admission.AdmitBytes(10).ok());
  EXPECT_TRUE(admission.AdmitReserved(60, 60).ok());
  admission.ReturnBytes(100);
  EXPECT_EQ(admission.AdmitBytes(41).code(), absl::StatusCode::kUnavailable);
  admission.ReturnBytes(60);
  EXPECT_TRUE(admission.ReserveBytes(50));
}

}  // namespace
}  // namespace lossd::transport
