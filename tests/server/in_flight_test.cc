#include "server/rpc/in_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace lossd::rpc {
namespace {

using ::testing::HasSubstr;

TEST(InFlightTest, AdmitsUpToTheLimitAndRefusesPastIt) {
  InFlight in_flight(100);
  EXPECT_TRUE(in_flight.AddBytes(60).ok());
  EXPECT_TRUE(in_flight.AddBytes(40).ok());
  const absl::Status refused = in_flight.AddBytes(1);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("limit of 100 bytes"));
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo"));

  in_flight.RemoveBytes(40);
  EXPECT_TRUE(in_flight.AddBytes(40).ok());
}

TEST(InFlightTest, ARefusedRequestCountsForNothing) {
  InFlight in_flight(100);
  EXPECT_TRUE(in_flight.AddBytes(60).ok());
  EXPECT_FALSE(in_flight.AddBytes(60).ok());
  EXPECT_TRUE(in_flight.AddBytes(40).ok());
}

TEST(InFlightTest, AloneARequestOfAnySizeIsAdmitted) {
  InFlight in_flight(100);
  EXPECT_TRUE(in_flight.AddBytes(1000).ok());
  EXPECT_FALSE(in_flight.AddBytes(1).ok());
}

TEST(InFlightTest, WaitsForTheLastCall) {
  InFlight in_flight(100);
  EXPECT_TRUE(in_flight.WaitForNoCalls(absl::InfinitePast()));
  in_flight.AddCall();
  in_flight.AddCall();
  in_flight.RemoveCall();
  EXPECT_FALSE(in_flight.WaitForNoCalls(absl::Now() + absl::Milliseconds(10)));
  std::thread other([&] { in_flight.RemoveCall(); });
  EXPECT_TRUE(in_flight.WaitForNoCalls(absl::InfiniteFuture()));
  other.join();
}

}  // namespace
}  // namespace lossd::rpc
