#include "proto/wire/tensor_head.h"

#include <string>

#include "gtest/gtest.h"
#include "lossd/v1/compute.pb.h"

namespace lossd::wire {
namespace {

v1::Tensor HeadOf(int64_t elements) {
  v1::Tensor head;
  head.set_data_type(v1::DATA_TYPE_UINT8);
  head.add_shape(elements);
  return head;
}

TEST(TensorHeadTest, ProtobufReadsHeadAndDataAsOneField) {
  for (const int size : {1, 2, 127, 128, 300, 20000}) {
    const std::string data(static_cast<size_t>(size), 'x');
    std::string bytes;
    AppendTensorHead(v1::ComputeResponse::kGradientFieldNumber, HeadOf(size), data.size(), bytes);
    v1::ComputeResponse response;
    ASSERT_TRUE(response.ParseFromString(bytes + data)) << size;
    EXPECT_EQ(response.gradient().data(), data);
    v1::ComputeResponse expected;
    *expected.mutable_gradient() = HeadOf(size);
    expected.mutable_gradient()->set_data(data);
    EXPECT_EQ(bytes + data, expected.SerializeAsString());
  }
}

TEST(TensorHeadTest, AppendsToWhatIsThere) {
  v1::ComputeResponse fields;
  fields.set_loss(1.5);
  std::string bytes = fields.SerializeAsString();
  AppendTensorHead(v1::ComputeResponse::kLossesFieldNumber, HeadOf(3), 3, bytes);
  v1::ComputeResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes + "abc"));
  EXPECT_EQ(response.loss(), 1.5);
  EXPECT_EQ(response.losses().data(), "abc");
}

TEST(TensorHeadTest, ATensorWithoutElementsHasNoData) {
  std::string bytes;
  AppendTensorHead(v1::ComputeResponse::kLossesFieldNumber, HeadOf(0), 0, bytes);
  v1::ComputeResponse expected;
  *expected.mutable_losses() = HeadOf(0);
  EXPECT_EQ(bytes, expected.SerializeAsString());
}

}  // namespace
}  // namespace lossd::wire
