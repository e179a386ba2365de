#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "server/loss/catalogue.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "tests/server/rpc/decode/requests.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/from_text.h"

namespace lossd::rpc {
namespace {

using ::testing::Contains;
using ::testing::StartsWith;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr char kBatch[] =
    "logits { shape: [1, 2] float_values: [1, 2] } labels { shape: [1, 2] float_values: [0, 1] } "
    "loss { activation: ACTIVATION_SIGMOID }";
constexpr char kTokens[] =
    "logits { float_values: [-1, -2] } loss { activation: ACTIVATION_LOG_PROBABILITY } rollout { "
    "advantages { float_values: [1, 2] } old_log_probs { float_values: [-1, -1] } }";

// Decodes a valid batch for `form`, with `parameter` set to `value`.
absl::Status Decode(const loss::FormInfo& form, const std::string& parameter, double value) {
  auto request = FromText<v1::ComputeRequest>(form.of_ratio ? kTokens : kBatch);
  v1::LossSpec& loss = *request.mutable_loss();
  google::protobuf::Message* message = loss.GetReflection()->MutableMessage(
      &loss, v1::LossSpec::descriptor()->FindFieldByName(form.name));
  message->GetReflection()->SetDouble(message, message->GetDescriptor()->FindFieldByName(parameter),
                                      value);
  const auto pool = BufferPool::Create(0);
  return DecodeComputeRequest(request, {}, *pool, kMaxMessageBytes).status();
}

std::vector<double> ValuesOutside(const loss::Range& range) {
  std::vector<double> values = {std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity};
  if (range.HasMinimum()) values.push_back(range.minimum - 1);
  if (range.minimum_exclusive) values.push_back(range.minimum);
  if (range.HasMaximum()) values.push_back(range.maximum + 1);
  if (range.maximum_exclusive && range.HasMaximum()) values.push_back(range.maximum);
  if (range.gap_begin < range.gap_end) values.push_back((range.gap_begin + range.gap_end) / 2);
  return values;
}

// The catalogue lists them, so that a new form is tested without a line here.
TEST(FormParameters, OutsideTheirRangesAreRefusedByName) {
  int tried = 0;
  for (const loss::FormInfo* form : loss::Catalogue()) {
    if (form->variant_of != nullptr) continue;
    for (int i = 0; i < form->parameter_count; ++i) {
      const loss::ParameterInfo& parameter = form->parameters[static_cast<size_t>(i)];
      const std::string path = std::string("loss.") + form->name + "." + parameter.name + " ";
      const double valid = parameter.has_default ? parameter.default_value : 3;
      EXPECT_TRUE(Decode(*form, parameter.name, valid).ok()) << path;
      for (const double value : ValuesOutside(parameter.range)) {
        const absl::Status status = Decode(*form, parameter.name, value);
        EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << path << value;
        EXPECT_THAT(Violations(status), Contains(StartsWith(path))) << value;
        ++tried;
      }
    }
  }
  EXPECT_GT(tried, 50);
}

}  // namespace
}  // namespace lossd::rpc
