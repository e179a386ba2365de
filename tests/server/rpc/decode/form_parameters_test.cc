#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/handlers/call_handlers.h"

namespace lossd::rpc {
namespace {

using ::testing::Contains;
using ::testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A valid batch for `info`'s loss, with `parameter` set to `value`.
v1::ComputeRequest RequestWith(const v1::LossInfo& info, const std::string& parameter,
                               double value) {
  auto request = FromText<v1::ComputeRequest>("logits { shape: [1, 2] float_values: [1, 2] }");
  v1::LossSpec& loss = *request.mutable_loss();
  loss.set_activation(info.activations(0));
  const bool sigmoid = info.activations(0) == v1::ACTIVATION_SIGMOID;
  request.mutable_labels()->add_int_values(sigmoid ? 0 : 1);
  if (sigmoid) {
    request.mutable_labels()->add_int_values(1);
    request.mutable_labels()->add_shape(1);
    request.mutable_labels()->add_shape(2);
  }
  google::protobuf::Message* form = loss.GetReflection()->MutableMessage(
      &loss, v1::LossSpec::descriptor()->FindFieldByName(info.name()));
  form->GetReflection()->SetDouble(form, form->GetDescriptor()->FindFieldByName(parameter), value);
  return request;
}

std::vector<double> ValuesOutside(const v1::LossParameter& parameter) {
  std::vector<double> values = {std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity};
  if (parameter.has_minimum()) {
    values.push_back(parameter.minimum() - 1);
    if (parameter.minimum_exclusive()) values.push_back(parameter.minimum());
  }
  if (parameter.has_maximum()) {
    values.push_back(parameter.maximum() + 1);
    if (parameter.maximum_exclusive()) values.push_back(parameter.maximum());
  }
  return values;
}

// The catalogue says which there are, so a new form is tested without being told.
TEST(FormParameters, OutsideTheirRangesAreRefusedByName) {
  const CallHandlers handlers;
  const auto catalogue = handlers->ListLosses({}, {});
  ASSERT_TRUE(catalogue.ok());
  int tried = 0;
  for (const v1::LossInfo& info : catalogue->losses()) {
    for (const v1::LossParameter& parameter : info.parameters()) {
      const std::string path = "loss." + info.name() + "." + parameter.name() + " ";
      EXPECT_TRUE(
          handlers->Compute(RequestWith(info, parameter.name(), parameter.default_value()), {})
              .ok())
          << path;
      for (const double value : ValuesOutside(parameter)) {
        const auto answer = handlers->Compute(RequestWith(info, parameter.name(), value), {});
        EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument) << path << value;
        EXPECT_THAT(Violations(answer.status()), Contains(StartsWith(path))) << value;
        ++tried;
      }
    }
  }
  EXPECT_GT(tried, 50);
}

}  // namespace
}  // namespace lossd::rpc
