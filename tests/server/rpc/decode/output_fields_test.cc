#include "server/rpc/decode/output_fields.h"

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "server/rpc/decode/output_options_decoder.h"

namespace lossd::rpc {
namespace {

// The name of an output in the core is that of its fields in the contract.
TEST(OutputFields, BelongToTheOutputOfTheirRow) {
  for (const loss::OutputRow& row : loss::kOutputTable) {
    SCOPED_TRACE(row.name);
    const OutputFields& fields = FieldsOf(row.output);
    EXPECT_EQ(fields.output, row.output);
    const auto* tensor =
        v1::ComputeResponse::descriptor()->FindFieldByNumber(fields.response_field);
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->name(), row.name);
    EXPECT_EQ(tensor->message_type(), v1::Tensor::descriptor());

    const bool omits = fields.reads_as == OutputOption::kOmits;
    const auto* option = v1::OutputOptions::descriptor()->FindFieldByName(
        omits ? std::string("omit_") + row.name : row.name);
    ASSERT_NE(option, nullptr);
    v1::OutputOptions outputs;
    EXPECT_EQ(SelectOutputs(outputs, TensorStyle::kData).arrays[row.output], omits);
    outputs.GetReflection()->SetBool(&outputs, option, true);
    EXPECT_EQ(SelectOutputs(outputs, TensorStyle::kData).arrays[row.output], !omits);
  }
}

}  // namespace
}  // namespace lossd::rpc
