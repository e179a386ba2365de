#include <set>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/handlers/call_handlers.h"

namespace lossd::rpc {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

v1::ListLossesResponse ListLosses() {
  const auto response = CallHandlers()->ListLosses({}, {});
  EXPECT_TRUE(response.ok());
  return *response;
}

// The catalogue speaks of the request's fields: a loss is a field of `form`, a parameter a double
// field of its message, and they come in the order of their numbers.
TEST(CatalogueHandler, NamesFieldsOfTheRequest) {
  const v1::ListLossesResponse response = ListLosses();
  ASSERT_GE(response.losses_size(), 4);
  int last_number = 0;
  for (const v1::LossInfo& loss : response.losses()) {
    SCOPED_TRACE(loss.name());
    const auto* field = v1::LossSpec::descriptor()->FindFieldByName(loss.name());
    ASSERT_NE(field, nullptr);
    ASSERT_NE(field->containing_oneof(), nullptr);
    EXPECT_EQ(field->containing_oneof()->name(), "form");
    EXPECT_GT(field->number(), last_number);
    last_number = field->number();
    EXPECT_THAT(loss.formula(), Not(IsEmpty()));
    EXPECT_THAT(loss.reference(), Not(IsEmpty()));
    EXPECT_GE(loss.activations_size(), 1);

    std::set<std::string> named;
    for (const v1::LossParameter& parameter : loss.parameters()) {
      named.insert(parameter.name());
      const auto* parameter_field = field->message_type()->FindFieldByName(parameter.name());
      ASSERT_NE(parameter_field, nullptr) << parameter.name();
      EXPECT_EQ(parameter_field->cpp_type(), google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE);
      EXPECT_TRUE(parameter_field->has_presence());
      EXPECT_EQ(parameter.has_default_value(), parameter.name() != "dual_clip");
      EXPECT_THAT(parameter.description(), Not(IsEmpty()));
    }
    for (int i = 0; i < field->message_type()->field_count(); ++i) {
      const std::string& name = field->message_type()->field(i)->name();
      const bool is_number =
          name != "soft_target_rule" && name != "detach_focusing" && name != "divergence";
      EXPECT_EQ(named.count(name), is_number ? 1 : 0) << name;
    }
  }
}

TEST(CatalogueHandler, KnowsFocal) {
  const v1::ListLossesResponse response = ListLosses();
  const v1::LossInfo& focal = response.losses(1);
  EXPECT_EQ(focal.name(), "focal");
  EXPECT_THAT(focal.activations(), ElementsAre(v1::ACTIVATION_SOFTMAX, v1::ACTIVATION_SIGMOID,
                                               v1::ACTIVATION_LOG_PROBABILITY));
  ASSERT_EQ(focal.parameters_size(), 1);
  const v1::LossParameter& gamma = focal.parameters(0);
  EXPECT_EQ(gamma.name(), "gamma");
  EXPECT_EQ(gamma.default_value(), 2);
  EXPECT_EQ(gamma.minimum(), 0);
  EXPECT_TRUE(gamma.has_minimum());
  EXPECT_FALSE(gamma.minimum_exclusive());
  EXPECT_FALSE(gamma.has_maximum());
}

TEST(CatalogueHandler, KnowsWhichActivationsAFormTakes) {
  const v1::ListLossesResponse response = ListLosses();
  for (const v1::LossInfo& loss : response.losses()) {
    if (loss.name() == "hinge" || loss.name() == "squared_margin") {
      EXPECT_THAT(loss.activations(), ElementsAre(v1::ACTIVATION_SIGMOID)) << loss.name();
    }
    if (loss.name() == "reverse_kl_divergence") {
      EXPECT_THAT(loss.activations(), ElementsAre(v1::ACTIVATION_SOFTMAX));
    }
  }
}

TEST(CatalogueHandler, DescribesTheServer) {
  const auto info = CallHandlers(12345)->GetServerInfo({}, {});
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->version(), "1.2.3");
  EXPECT_EQ(info->thread_count(), 1);
  EXPECT_EQ(info->max_message_bytes(), 12345);
  EXPECT_THAT(info->simd_instruction_set(), AnyOf("SSE2", "AVX2+FMA", "AVX-512", "NEON"));
  EXPECT_EQ(info->in_flight_bytes(), 77);
  EXPECT_EQ(info->start_time().seconds(), 1'800'000'000);
  EXPECT_EQ(info->start_time().nanos(), 250'000'000);
  EXPECT_THAT(info->features(), ElementsAre("tokens", "compressed_requests"));
  EXPECT_EQ(info->min_ping_interval().seconds(), 1);
  EXPECT_EQ(info->min_ping_interval().nanos(), 500'000'000);
}

}  // namespace
}  // namespace lossd::rpc
