#include "server/rpc/tensor/tensor_view.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/from_text.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Returns what CheckTensor makes of `tensor` at field x.
std::optional<TensorView> Check(const v1::Tensor& tensor, FieldViolations& violations,
                                v1::DataType type_of_data = v1::DATA_TYPE_UNSPECIFIED) {
  return CheckTensor(FieldsOf(tensor), type_of_data, Field(violations)["x"]);
}

TEST(TensorView, ResolvesTheDefaultTypes) {
  struct Case {
    const char* tensor;
    v1::DataType type_of_data;
    v1::DataType expected;
  };
  const Case cases[] = {
      {"shape: 1 data: '1234'", v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT32},
      {"shape: 2 data: '1234' data_type: DATA_TYPE_FLOAT16", v1::DATA_TYPE_FLOAT32,
       v1::DATA_TYPE_FLOAT16},
      {"float_values: 1", v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64},
      {"float_values: 1", v1::DATA_TYPE_UNSPECIFIED, v1::DATA_TYPE_FLOAT64},
      {"float_values: 1 data_type: DATA_TYPE_BFLOAT16", v1::DATA_TYPE_UNSPECIFIED,
       v1::DATA_TYPE_BFLOAT16},
      {"int_values: 1", v1::DATA_TYPE_UNSPECIFIED, v1::DATA_TYPE_INT64},
      {"int_values: 1 data_type: DATA_TYPE_UINT8", v1::DATA_TYPE_UNSPECIFIED, v1::DATA_TYPE_UINT8},
      {"shape: [0, 3]", v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT32},
      {"shape: [0, 3]", v1::DATA_TYPE_UNSPECIFIED, v1::DATA_TYPE_UNSPECIFIED},
  };
  for (const Case& c : cases) {
    FieldViolations violations;
    const auto tensor = FromText<v1::Tensor>(c.tensor);
    const auto view = Check(tensor, violations, c.type_of_data);
    ASSERT_TRUE(view) << c.tensor << violations.ToStatus();
    EXPECT_EQ(view->type, c.expected) << c.tensor;
  }
}

TEST(TensorView, LetsAValueListGoWithoutAShape) {
  FieldViolations violations;
  const auto tensor = FromText<v1::Tensor>("int_values: [4, 5, 6]");
  const auto view = Check(tensor, violations);
  ASSERT_TRUE(view);
  EXPECT_THAT(view->shape, ElementsAre(3));
  EXPECT_EQ(view->size, 3);
  EXPECT_EQ(view->style(), TensorStyle::kValues);
}

TEST(TensorView, TakesEmptyTensorsOfAnyShapeWithAZero) {
  for (const char* text :
       {"shape: 0", "shape: [0, 3]", "shape: [4611686018427387904, 0, 4611686018427387904]", ""}) {
    FieldViolations violations;
    const auto tensor = FromText<v1::Tensor>(text);
    const auto view = Check(tensor, violations);
    ASSERT_TRUE(view) << text << violations.ToStatus();
    EXPECT_EQ(view->size, 0) << text;
  }
}

TEST(TensorView, TakesUpToEightAxes) {
  FieldViolations violations;
  const auto tensor = FromText<v1::Tensor>("shape: [1, 1, 1, 1, 1, 1, 1, 2] float_values: [1, 2]");
  EXPECT_TRUE(Check(tensor, violations));
}

TEST(TensorView, KnowsTheSizeOfEveryType) {
  const std::pair<v1::DataType, size_t> sizes[] = {
      {v1::DATA_TYPE_FLOAT32, 4},  {v1::DATA_TYPE_FLOAT64, 8}, {v1::DATA_TYPE_FLOAT16, 2},
      {v1::DATA_TYPE_BFLOAT16, 2}, {v1::DATA_TYPE_INT32, 4},   {v1::DATA_TYPE_INT64, 8},
      {v1::DATA_TYPE_UINT8, 1}};
  for (const auto& [type, size] : sizes) {
    v1::Tensor tensor;
    tensor.set_data_type(type);
    tensor.add_shape(3);
    tensor.set_data(std::string(3 * size, '\0'));
    FieldViolations violations;
    EXPECT_TRUE(Check(tensor, violations)) << violations.ToStatus();
    tensor.mutable_data()->pop_back();
    EXPECT_FALSE(Check(tensor, violations));
    EXPECT_THAT(violations.ToStatus().message(),
                HasSubstr(absl::StrCat("x.data has ", 3 * size - 1, " bytes, expected ", 3 * size,
                                       " for ", NameOf(type), " of shape [3]")));
  }
}

TEST(TensorView, SaysWhatIsWrong) {
  struct Case {
    const char* tensor;
    const char* violation;
  };
  const Case cases[] = {
      {"float_values: 1 int_values: 1",
       "x has float_values and int_values, expected at most one of data, float_values, int_values"},
      {"shape: 1 data: 'abcd'",
       "x.data_type is not set, expected the type of the elements in data"},
      {"float_values: 1 data_type: DATA_TYPE_INT32",
       "x.data_type = INT32 beside float_values, expected FLOAT16, BFLOAT16, FLOAT32 or FLOAT64"},
      {"int_values: 1 data_type: DATA_TYPE_FLOAT32",
       "x.data_type = FLOAT32 beside int_values, expected INT32, INT64 or UINT8"},
      {"data: 'abcd' data_type: DATA_TYPE_FLOAT32",
       "x.shape is not set, expected the shape of the elements in data"},
      {"shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] float_values: 1",
       "x.shape has 9 axes, expected at most 8"},
      {"shape: [2, -3] float_values: 1", "x.shape[1] = -3, expected an extent >= 0"},
      {"shape: [4294967296, 4294967296] float_values: 1",
       "x.shape = [4294967296, 4294967296] has more elements than can be counted"},
      {"shape: [2, 3] float_values: [1, 2, 3, 4, 5]",
       "x.float_values has 5 values, expected 6 for shape [2, 3]"},
      {"shape: [2] int_values: [1, 2, 3]", "x.int_values has 3 values, expected 2 for shape [2]"},
      {"shape: [2, 0] int_values: 1", "x.int_values has 1 values, expected 0 for shape [2, 0]"},
      {"shape: [2, 3]", "x has 0 values, expected 6 for shape [2, 3]"},
  };
  for (const Case& c : cases) {
    FieldViolations violations;
    const auto tensor = FromText<v1::Tensor>(c.tensor);
    EXPECT_FALSE(Check(tensor, violations)) << c.tensor;
    EXPECT_THAT(Violations(violations.ToStatus()), ElementsAre(c.violation)) << c.tensor;
  }
}

TEST(TensorView, RejectsAnUnknownType) {
  auto tensor = FromText<v1::Tensor>("float_values: 1");
  tensor.set_data_type(static_cast<v1::DataType>(99));
  FieldViolations violations;
  EXPECT_FALSE(Check(tensor, violations));
  EXPECT_THAT(Violations(violations.ToStatus()), ElementsAre("x.data_type = 99 is not a DataType"));
}

// Sizes that only fit when they are not multiplied: nothing is allocated, nothing overflows.
TEST(TensorView, RejectsHugeShapesWithoutElements) {
  for (const char* shape : {"[9223372036854775807]", "[9223372036854775807, 2]",
                            "[1152921504606846976, 8]", "[3037000500, 3037000500]"}) {
    FieldViolations violations;
    const auto tensor =
        FromText<v1::Tensor>(absl::StrCat("data_type: DATA_TYPE_FLOAT64 shape: ", shape));
    EXPECT_FALSE(Check(tensor, violations)) << shape;
  }
}

}  // namespace
}  // namespace lossd::rpc
