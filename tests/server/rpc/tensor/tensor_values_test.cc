#include "server/rpc/tensor/tensor_values.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

BufferPool& Pool() {
  static const auto pool = BufferPool::Create(0);
  return *pool;
}

TensorView View(const v1::Tensor& tensor) {
  FieldViolations violations;
  auto view = CheckTensor(FieldsOf(tensor), v1::DATA_TYPE_UNSPECIFIED, Field(violations)["x"]);
  EXPECT_TRUE(violations.empty()) << violations.ToStatus();
  return *view;
}

template <typename T>
std::vector<T> Floats(const v1::Tensor& tensor) {
  FieldViolations violations;
  const auto array = ReadFloats(View(tensor), Field(violations)["x"], Pool());
  EXPECT_TRUE(array && std::holds_alternative<AlignedArray<T>>(*array)) << violations.ToStatus();
  const auto span = std::get<AlignedArray<T>>(*array).span();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(span.data()) % kBufferAlignment, 0U);
  return {span.begin(), span.end()};
}

std::vector<int64_t> Integers(const v1::Tensor& tensor) {
  FieldViolations violations;
  const auto integers = ReadIntegers(View(tensor), Field(violations)["x"]);
  EXPECT_TRUE(integers) << violations.ToStatus();
  return *integers;
}

TEST(TensorValues, ReadsTheBytesOfEveryFloatType) {
  EXPECT_THAT(Floats<float>(DataTensor<float>(v1::DATA_TYPE_FLOAT32, {3}, {1.5F, -2, 0.1F})),
              ElementsAre(1.5F, -2, 0.1F));
  EXPECT_THAT(Floats<double>(DataTensor<double>(v1::DATA_TYPE_FLOAT64, {2}, {0.1, 1e300})),
              ElementsAre(0.1, 1e300));
  EXPECT_THAT(Floats<float>(DataTensor<uint16_t>(v1::DATA_TYPE_FLOAT16, {3}, {0x3c00, 0xc100, 1})),
              ElementsAre(1, -2.5F, 0x1p-24F));
  EXPECT_THAT(Floats<float>(DataTensor<uint16_t>(v1::DATA_TYPE_BFLOAT16, {2}, {0x3f80, 0xc020})),
              ElementsAre(1, -2.5F));
}

TEST(TensorValues, ReadsTheBytesOfEveryIntegerType) {
  EXPECT_THAT(Integers(DataTensor<int32_t>(v1::DATA_TYPE_INT32, {2}, {-100, 1 << 30})),
              ElementsAre(-100, 1 << 30));
  const int64_t large = std::numeric_limits<int64_t>::min();
  EXPECT_THAT(Integers(DataTensor<int64_t>(v1::DATA_TYPE_INT64, {2}, {large, 7})),
              ElementsAre(large, 7));
  EXPECT_THAT(Integers(DataTensor<uint8_t>(v1::DATA_TYPE_UINT8, {3}, {0, 200, 255})),
              ElementsAre(0, 200, 255));
}

TEST(TensorValues, ReadsUnalignedBytes) {
  for (size_t offset = 0; offset < 9; ++offset) {
    const std::string buffer = std::string(offset, 'x') + Bytes<double>({0.1, -3});
    TensorView view;
    view.type = v1::DATA_TYPE_FLOAT64;
    view.shape = {2};
    view.size = 2;
    view.elements = absl::string_view(buffer).substr(offset);
    FieldViolations violations;
    const auto array = ReadFloats(view, Field(violations)["x"], Pool());
    EXPECT_THAT(std::get<AlignedArray<double>>(*array).span(), ElementsAre(0.1, -3)) << offset;
  }
}

TEST(TensorValues, OffersNumbersInPlaceAndSaysHowTheyLie) {
  TensorView view = View(DataTensor<float>(v1::DATA_TYPE_FLOAT32, {2}, {1, 2}));
  const std::string bytes = Bytes<float>({1, 2});
  wire::BytePieces pieces(absl::string_view(bytes).substr(0, 3));
  pieces.Append(absl::string_view(bytes).substr(3));
  view.elements = pieces;
  const auto reader = MakeReader(view);
  ASSERT_EQ(reader->pieces().size(), 2U);
  EXPECT_EQ(reader->pieces()[0].data, bytes.data());
  EXPECT_EQ(reader->pieces()[0].begin, 0);
  EXPECT_EQ(reader->pieces()[0].size, 3);
  EXPECT_EQ(reader->pieces()[1].data, bytes.data() + 3);
  EXPECT_EQ(reader->pieces()[1].begin, 3);
  EXPECT_EQ(reader->pieces()[1].size, 5);
  for (const auto& [type, format] :
       {std::pair(v1::DATA_TYPE_FLOAT64, loss::FloatFormat::kComputed),
        std::pair(v1::DATA_TYPE_FLOAT16, loss::FloatFormat::kFloat16),
        std::pair(v1::DATA_TYPE_BFLOAT16, loss::FloatFormat::kBfloat16)}) {
    view.type = type;
    EXPECT_EQ(MakeReader(view)->pieces().size(), 2U) << v1::DataType_Name(type);
    EXPECT_EQ(MakeReader(view)->format(), format) << v1::DataType_Name(type);
  }
}

TEST(TensorValues, RoundsValueListsToTheirType) {
  EXPECT_THAT(Floats<double>(FromText<v1::Tensor>("float_values: 0.1")), ElementsAre(0.1));
  EXPECT_THAT(Floats<float>(
                  FromText<v1::Tensor>("float_values: [0.1, 1e300] data_type: DATA_TYPE_FLOAT32")),
              ElementsAre(0.1F, std::numeric_limits<float>::infinity()));
  // 1 + 2^-11 + 2^-40, which two roundings would make 1.
  EXPECT_THAT(Floats<float>(FromText<v1::Tensor>(
                  "float_values: 1.0004882812509095 data_type: DATA_TYPE_FLOAT16")),
              ElementsAre(1 + 0x1p-10F));
  EXPECT_THAT(Floats<float>(FromText<v1::Tensor>(
                  "float_values: [1.00390625, 1.01171875] data_type: DATA_TYPE_BFLOAT16")),
              ElementsAre(1, 1.015625F));
}

TEST(TensorValues, KeepsSpecialValues) {
  const auto values = Floats<double>(FromText<v1::Tensor>("float_values: [nan, -inf, -0.0]"));
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(values[1], -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::signbit(values[2]));
}

TEST(TensorValues, RejectsIntegersOutsideTheirType) {
  struct Case {
    const char* tensor;
    std::vector<std::string> violations;
  };
  const Case cases[] = {
      {"int_values: [0, 256] data_type: DATA_TYPE_UINT8",
       {"x[1] = 256 is not in [0, 255] of UINT8"}},
      {"int_values: [-1] data_type: DATA_TYPE_UINT8", {"x[0] = -1 is not in [0, 255] of UINT8"}},
      {"shape: [2, 1] int_values: [0, 2147483648] data_type: DATA_TYPE_INT32",
       {"x[1, 0] = 2147483648 is not in [-2147483648, 2147483647] of INT32"}},
  };
  for (const Case& c : cases) {
    FieldViolations violations;
    const auto tensor = FromText<v1::Tensor>(c.tensor);
    EXPECT_FALSE(ReadIntegers(View(tensor), Field(violations)["x"])) << c.tensor;
    EXPECT_EQ(Violations(violations.ToStatus()), c.violations);
  }
}

TEST(TensorValues, RejectsTheOtherFamily) {
  FieldViolations violations;
  const auto integers = FromText<v1::Tensor>("int_values: 1");
  const auto floats = FromText<v1::Tensor>("float_values: 1");
  EXPECT_FALSE(ReadFloats(View(integers), Field(violations)["x"], Pool()));
  EXPECT_FALSE(ReadIntegers(View(floats), Field(violations)["y"]));
  EXPECT_THAT(Violations(violations.ToStatus()),
              ElementsAre("x.data_type = INT64, expected FLOAT16, BFLOAT16, FLOAT32 or FLOAT64",
                          "y.data_type = FLOAT64, expected INT32, INT64 or UINT8"));
}

TEST(TensorValues, ReadsNumbersOfEitherFamily) {
  FieldViolations violations;
  const auto integers = FromText<v1::Tensor>("int_values: [1, 2]");
  const auto floats = FromText<v1::Tensor>("float_values: [0.1] data_type: DATA_TYPE_FLOAT32");
  EXPECT_THAT(*ReadNumbers(View(integers), Field(violations)["x"]), ElementsAre(1.0, 2.0));
  EXPECT_THAT(*ReadNumbers(View(floats), Field(violations)["x"]), ElementsAre(double{0.1F}));
}

TEST(TensorValues, ChecksBounds) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  struct Case {
    Bound bound;
    std::vector<double> good;
    std::vector<double> bad;
  };
  const Case cases[] = {
      {Bound::kFinite, {-1e300, -0.0, 5}, {nan, inf, -inf}},
      {Bound::kFiniteAndNotNegative, {0, -0.0, 1e300}, {nan, inf, -inf, -1e-300}},
      {Bound::kUnitInterval, {0, -0.0, 0.5, 1}, {nan, inf, -1e-300, 1.0000001}},
  };
  for (const Case& c : cases) {
    FieldViolations violations;
    EXPECT_TRUE(CheckBound(absl::MakeConstSpan(c.good), {3}, c.bound, Field(violations)["x"]));
    for (const double bad : c.bad) {
      EXPECT_FALSE(CheckBound(absl::MakeConstSpan(&bad, 1), {1}, c.bound, Field(violations)["x"]))
          << bad;
    }
    EXPECT_EQ(violations.count(), static_cast<int64_t>(c.bad.size()));
  }
}

TEST(TensorValues, ListsTheFirstFaultsAndCountsTheOthers) {
  const std::vector<double> values(1000000, -0.5);
  FieldViolations violations;
  CheckBound(absl::MakeConstSpan(values), {1000, 1000}, Bound::kFiniteAndNotNegative,
             Field(violations)["x"]);
  EXPECT_EQ(violations.count(), 1000000);
  EXPECT_THAT(Violations(violations.ToStatus()),
              ElementsAre("x[0, 0] = -0.5, expected a finite number >= 0",
                          "x[0, 1] = -0.5, expected a finite number >= 0",
                          "x[0, 2] = -0.5, expected a finite number >= 0",
                          "x[0, 3] = -0.5, expected a finite number >= 0"));
}

}  // namespace
}  // namespace lossd::rpc
