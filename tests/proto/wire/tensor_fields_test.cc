#include "proto/wire/tensor_fields.h"

#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/loss_spec.pb.h"

namespace lossd::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<int> NumbersIn(absl::Span<const SplitField> fields) {
  std::vector<int> numbers;
  for (const SplitField& field : fields) numbers.push_back(field.number);
  return numbers;
}

// Returns the numbers of the message's singular fields of type Tensor, in their order.
std::vector<int> NumbersOfTensors(const google::protobuf::Descriptor& message) {
  std::vector<int> numbers;
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *message.field(i);
    const bool is_tensor = field.message_type() == v1::Tensor::descriptor();
    if (is_tensor && !field.is_repeated()) numbers.push_back(field.number());
  }
  return numbers;
}

TEST(TensorFieldsTest, ListsEveryTensorOfAMessage) {
  using Request = v1::ComputeRequest;
  EXPECT_THAT(NumbersIn(TensorFieldsOf<Request>()),
              ElementsAre(Request::kLogitsFieldNumber, Request::kLabelsFieldNumber,
                          Request::kSampleWeightsFieldNumber, Request::kUpstreamGradientFieldNumber,
                          Request::kSampleIdsFieldNumber, Request::kSequenceLengthsFieldNumber,
                          Request::kTeacherLogitsFieldNumber, Request::kRolloutFieldNumber));
  EXPECT_THAT(NumbersIn(TensorFieldsOf<v1::ComputeResponse>()),
              ElementsAreArray(NumbersOfTensors(*v1::ComputeResponse::descriptor())));
  EXPECT_THAT(NumbersIn(TensorFieldsOf<v1::CompareRequest>()), ElementsAre(1, 2, 4, 12, 13, 11));
}

TEST(TensorFieldsTest, LeadsToTheDataOfEachTensor) {
  for (const SplitField& tensor : TensorFieldsOf<v1::ComputeRequest>()) {
    if (tensor.number == v1::ComputeRequest::kRolloutFieldNumber) continue;
    EXPECT_EQ(tensor.key, tensor.number);
    EXPECT_THAT(NumbersIn(tensor.inside), ElementsAre(v1::Tensor::kDataFieldNumber));
    EXPECT_THAT(tensor.inside.front().inside, IsEmpty());
  }
}

TEST(TensorFieldsTest, LeadsIntoMessagesOfTensors) {
  const SplitField& rollout = TensorFieldsOf<v1::ComputeRequest>().back();
  ASSERT_EQ(rollout.number, v1::ComputeRequest::kRolloutFieldNumber);
  EXPECT_THAT(NumbersIn(rollout.inside), ElementsAre(1, 2, 3, 4));
  for (const SplitField& tensor : rollout.inside) {
    EXPECT_EQ(tensor.key, TensorKey(rollout.number, tensor.number));
    EXPECT_THAT(NumbersIn(tensor.inside), ElementsAre(v1::Tensor::kDataFieldNumber));
  }
}

TEST(TensorFieldsTest, LooksOneLevelDeeperIntoAStreamsMessage) {
  const auto requests = TensorFieldsOf<v1::ComputeStreamRequest>();
  ASSERT_THAT(NumbersIn(requests), ElementsAre(v1::ComputeStreamRequest::kRequestFieldNumber));
  EXPECT_THAT(requests[0].inside, SizeIs(8));
  EXPECT_THAT(requests[0].rivals, IsEmpty());

  const auto responses = TensorFieldsOf<v1::ComputeStreamResponse>();
  ASSERT_THAT(NumbersIn(responses), ElementsAre(v1::ComputeStreamResponse::kResponseFieldNumber));
  EXPECT_THAT(responses[0].inside, SizeIs(TensorFieldsOf<v1::ComputeResponse>().size()));
  EXPECT_THAT(responses[0].rivals, ElementsAre(v1::ComputeStreamResponse::kErrorFieldNumber));
}

TEST(TensorFieldsTest, FindsNothingInAMessageWithoutTensors) {
  EXPECT_THAT(TensorFieldsOf<v1::FocalLoss>(), IsEmpty());
}

}  // namespace
}  // namespace lossd::wire
