#include "server/rpc/tensor/data_type.h"

#include <tuple>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "server/rpc/tensor/element_types.h"
#include "tests/server/rpc/errors/refusals.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

// A type that the contract gains and the table lacks would be read as no type.
TEST(DataType, EveryTypeOfTheContractHasARow) {
  const auto* types = v1::DataType_descriptor();
  int rows = 0;
  for (int i = 0; i < types->value_count(); ++i) {
    const auto type = static_cast<v1::DataType>(types->value(i)->number());
    if (type == v1::DATA_TYPE_UNSPECIFIED) continue;
    EXPECT_NE(IsFloat(type), IsInteger(type)) << NameOf(type);
    EXPECT_GT(ElementSize(type), 0) << NameOf(type);
    ++rows;
  }
  EXPECT_EQ(rows, static_cast<int>(std::tuple_size_v<ElementTypes>));
}

TEST(DataType, UnspecifiedIsOfNoFamily) {
  EXPECT_FALSE(IsFloat(v1::DATA_TYPE_UNSPECIFIED));
  EXPECT_FALSE(IsInteger(v1::DATA_TYPE_UNSPECIFIED));
  EXPECT_EQ(ComputedType(v1::DATA_TYPE_UNSPECIFIED), v1::DATA_TYPE_FLOAT32);
}

TEST(DataType, HasASmallestPositiveNumber) {
  EXPECT_EQ(SmallestPositive(v1::DATA_TYPE_FLOAT16), 0x1p-24);
  EXPECT_EQ(SmallestPositive(v1::DATA_TYPE_BFLOAT16), 0x1p-133);
  EXPECT_EQ(SmallestPositive(v1::DATA_TYPE_FLOAT32), 0x1p-149);
  EXPECT_EQ(SmallestPositive(v1::DATA_TYPE_FLOAT64), 0x1p-1074);
  EXPECT_EQ(SmallestPositive(v1::DATA_TYPE_UINT8), 1);
  EXPECT_EQ(SmallestPositive(v1::DATA_TYPE_UNSPECIFIED), 0);
}

TEST(DataType, IsComputedInFloatUnlessItIsADouble) {
  EXPECT_EQ(ComputedType(v1::DATA_TYPE_FLOAT64), v1::DATA_TYPE_FLOAT64);
  for (const v1::DataType type :
       {v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16, v1::DATA_TYPE_FLOAT32}) {
    EXPECT_EQ(ComputedType(type), v1::DATA_TYPE_FLOAT32) << NameOf(type);
  }
}

TEST(DataType, FamiliesAreListedInErrors) {
  EXPECT_EQ(NamesOf(TypeFamily::kFloat), "FLOAT16, BFLOAT16, FLOAT32 or FLOAT64");
  EXPECT_EQ(NamesOf(TypeFamily::kInteger), "INT32, INT64 or UINT8");
  FieldViolations violations;
  const Field request(violations);
  const Field x = request["x"];
  EXPECT_TRUE(CheckFamily(v1::DATA_TYPE_UINT8, TypeFamily::kInteger, x));
  EXPECT_TRUE(CheckFamily(v1::DATA_TYPE_UNSPECIFIED, TypeFamily::kFloat, x));
  EXPECT_FALSE(CheckFamily(v1::DATA_TYPE_FLOAT16, TypeFamily::kInteger, x));
  EXPECT_THAT(Violations(violations.ToStatus()),
              ElementsAre("x = FLOAT16, expected INT32, INT64 or UINT8"));
}

}  // namespace
}  // namespace lossd::rpc
