#include "client/src/convert/outputs.h"

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"

namespace lossd::client {
namespace {

using ::testing::ContainerEq;

// A tensor that the contract gains is a row here, and no row has another's field.
TEST(OutputsTest, HaveARowForEachArrayOfAResponse) {
  std::map<int, std::string> arrays;
  const auto& response = *v1::ComputeResponse::descriptor();
  for (int i = 0; i < response.field_count(); ++i) {
    const auto& field = *response.field(i);
    const bool is_array =
        field.message_type() == v1::Tensor::descriptor() && field.name() != "class_weights";
    if (is_array) arrays[field.number()] = field.name();
  }
  std::map<int, std::string> rows;
  for (const auto& output : kOutputs<float>) {
    rows[output.field_number] = std::string(output.name);
  }
  EXPECT_THAT(rows, ContainerEq(arrays));
  EXPECT_EQ(rows.size(), kOutputCount);
}

TEST(OutputsTest, ReadTheFieldOfTheirNumber) {
  for (const auto& output : kOutputs<float>) {
    v1::ComputeResponse response;
    EXPECT_FALSE((response.*output.has)()) << output.name;
    const auto* field = response.GetDescriptor()->FindFieldByNumber(output.field_number);
    auto* tensor = response.GetReflection()->MutableMessage(&response, field);
    EXPECT_TRUE((response.*output.has)()) << output.name;
    EXPECT_EQ(&(response.*output.get)(), tensor) << output.name;
  }
}

TEST(OutputsTest, SetTheFlagOfTheirName) {
  for (const auto& output : kOutputs<double>) {
    v1::OutputOptions options;
    (options.*output.set_flag)(true);
    const std::string prefix = output.flag == Flag::kOmit ? "omit_" : "";
    const auto* field = options.GetDescriptor()->FindFieldByName(prefix + std::string(output.name));
    ASSERT_NE(field, nullptr) << output.name;
    EXPECT_TRUE(options.GetReflection()->GetBool(options, field)) << output.name;
  }
}

TEST(OutputsTest, AreFoundByTheNumberOfTheirField) {
  for (size_t i = 0; i < kOutputCount; ++i) {
    EXPECT_EQ(OutputWithField(kOutputs<float>[i].field_number), i);
  }
}

}  // namespace
}  // namespace lossd::client
