#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/asked_work_calls.h"

// Small messages that ask for much.

namespace lossd::rpc {
namespace {

using ::testing::HasSubstr;

class SmallMessagesTest : public AskedWorkTest {};

// A hundred bytes that took gigabytes and seconds.
TEST_F(SmallMessagesTest, LossesOnClassesWithoutSamplesTakeWhatIsPresent) {
  auto request = FromText<v1::CompareRequest>(
      "logits { shape: [0, 1000000] } labels {} present_classes_only: true");
  for (int i = 0; i < 32; ++i) request.add_losses();
  const std::string bytes = request.SerializeAsString();
  EXPECT_LT(bytes.size(), 150);
  const Called called = Call("Compare", bytes);
  EXPECT_TRUE(called.status.ok()) << called.status;
  EXPECT_LT(called.memory, 1 << 20);
  EXPECT_LT(called.bytes, 1 << 20);
  EXPECT_LT(called.operations, 1'000'000);
}

TEST_F(SmallMessagesTest, LossesThatWeighEveryClassAreCounted) {
  auto request = FromText<v1::CompareRequest>(
      "logits { shape: [0, 1000000] } labels {} present_classes_only: true");
  for (int i = 0; i < 32; ++i) {
    request.add_losses()->mutable_class_weighting()->mutable_scheme()->set_scheme(
        v1::WEIGHT_SCHEME_BALANCED);
  }
  refusal_ = absl::UnavailableError("later");
  const Called called = CallOnce("Compare", request.SerializeAsString());
  EXPECT_EQ(called.status, refusal_);
  EXPECT_GT(called.operations, 32'000'000);
  EXPECT_GT(called.bytes, 8'000'000);
  EXPECT_LT(called.memory, 1 << 20) << "nothing is taken before it is asked for";
}

TEST_F(SmallMessagesTest, TheTransportsErrorEndsTheCall) {
  refusal_ = absl::UnavailableError("later");
  const struct {
    const char* method;
    std::string request;
  } cases[] = {
      {"Compute", LabelledBatch<v1::ComputeRequest>().SerializeAsString()},
      {"Compare", LabelledBatch<v1::CompareRequest>().SerializeAsString()},
      {"ComputeClassWeights",
       FromText<v1::ComputeClassWeightsRequest>("counts { int_values: 1 }").SerializeAsString()},
      {"MeasureInformation",
       FromText<v1::MeasureInformationRequest>("p { float_values: 1 }").SerializeAsString()},
  };
  for (const auto& one : cases) {
    if (one.method == std::string("Compare")) continue;  // It has no losses.
    EXPECT_EQ(CallOnce(one.method, one.request).status, refusal_) << one.method;
  }
}

TEST_F(SmallMessagesTest, ACallThatTakesMoreThanAllMayIsRefusedByName) {
  limits_.max_in_flight_bytes = 1 << 20;
  auto request = LabelledBatch<v1::ComputeRequest>();
  request.mutable_outputs()->set_gradient(true);
  const Called called = CallOnce("Compute", request.SerializeAsString());
  EXPECT_EQ(called.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(called.status.message()),
              HasSubstr("more than the limit of 1048576 bytes for all calls together "
                        "(--max-in-flight-bytes)"));
  EXPECT_EQ(called.bytes, 0) << "the transport is not asked";
  EXPECT_LT(called.memory, 1 << 20);
}

// Two bytes on the wire for each loss, and hundreds in memory.
TEST_F(SmallMessagesTest, MessagesThatGrowWhenTheyAreParsedAreAskedForBefore) {
  std::string losses;
  for (int i = 0; i < 500000; ++i) losses += std::string("\x1a\0", 2);
  const Called parsed = Call("Compare", losses);
  EXPECT_EQ(parsed.status.code(), absl::StatusCode::kInvalidArgument) << "of 500000 losses";
  EXPECT_GT(parsed.memory, 50'000'000);
  EXPECT_LE(parsed.memory, parsed.bytes + (1 << 20));
  EXPECT_LE(parsed.bytes, 4 * parsed.memory);

  limits_.max_in_flight_bytes = 50'000'000;
  const Called refused = Call("Compare", losses);
  EXPECT_EQ(refused.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LT(refused.memory, 4 * static_cast<int64_t>(losses.size()));
}

TEST_F(SmallMessagesTest, SchemesAndUnknownFieldsThatGrowAreAskedForToo) {
  std::string schemes = "\x12\x03\x2a\x01\x05";  // counts { int_values: 5 }
  for (int i = 0; i < 300000; ++i) schemes += std::string("\x22\x02\x08\x01", 4);
  std::string unknown;
  for (int i = 0; i < 1000000; ++i) unknown += "\xf8\x01\x01";
  std::string integers = "\x0a\x84\x89\x7a\x2a\x80\x89\x7a" + std::string(2000000, 1);
  const struct {
    const char* method;
    const std::string& request;
  } cases[] = {{"ComputeClassWeights", schemes},
               {"ComputeClassWeights", unknown},
               {"MeasureInformation", unknown},
               {"Compute", unknown},
               {"ComputeClassWeights", integers}};
  for (const auto& one : cases) {
    const Called called = Call(one.method, one.request);
    EXPECT_GT(called.memory, 10'000'000) << one.method;
    EXPECT_LE(called.memory, called.bytes + (1 << 20)) << one.method;
    EXPECT_LE(called.bytes, 4 * called.memory) << one.method;
  }
}

}  // namespace
}  // namespace lossd::rpc
