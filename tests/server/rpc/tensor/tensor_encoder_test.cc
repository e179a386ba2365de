#include "server/rpc/tensor/tensor_encoder.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rpc/tensor/tensor_values.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

// Encoded values read back as the same values, in both styles and every type.
TEST(TensorEncoder, RoundTripsEveryFloatType) {
  const std::vector<float> values = {0, -0.0F, 1, -2.5F, 0.0625F, 512};
  for (const v1::DataType type : {v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16,
                                  v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64}) {
    for (const TensorStyle style : {TensorStyle::kData, TensorStyle::kValues}) {
      v1::Tensor tensor;
      EncodeTensor(absl::MakeConstSpan(values), {2, 3}, type, style, tensor);
      EXPECT_EQ(tensor.data_type(), type);
      EXPECT_THAT(tensor.shape(), ElementsAre(2, 3));
      EXPECT_EQ(tensor.data().empty(), style == TensorStyle::kValues);
      FieldViolations violations;
      const auto view =
          CheckTensor(FieldsOf(tensor), v1::DATA_TYPE_UNSPECIFIED, Field(violations)["x"]);
      ASSERT_TRUE(view) << violations.ToStatus();
      const auto read = ReadNumbers(*view, Field(violations)["x"]);
      EXPECT_EQ(*read, std::vector<double>(values.begin(), values.end())) << NameOf(type);
      EXPECT_TRUE(std::signbit((*read)[1])) << NameOf(type);
    }
  }
}

TEST(TensorEncoder, RoundsInBothStyles) {
  const std::vector<double> values = {1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11, 1e-9};
  v1::Tensor data;
  v1::Tensor list;
  EncodeTensor(absl::MakeConstSpan(values), {3}, v1::DATA_TYPE_FLOAT16, TensorStyle::kData, data);
  EncodeTensor(absl::MakeConstSpan(values), {3}, v1::DATA_TYPE_FLOAT16, TensorStyle::kValues, list);
  EXPECT_EQ(data.data(), Bytes<uint16_t>({0x3c01, 0x3c00, 0}));
  EXPECT_THAT(list.float_values(), ElementsAre(1 + 0x1p-10, 1, 0));
}

}  // namespace
}  // namespace lossd::rpc
