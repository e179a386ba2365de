#include "client/src/convert/run_decoding.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"

namespace lossd::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Sets each number of a message to its field's number.
void NumberFields(google::protobuf::Message& message) {
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    if (field->is_repeated()) continue;
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_INT64) {
      message.GetReflection()->SetInt64(&message, field, field->number());
    } else if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE) {
      message.GetReflection()->SetDouble(&message, field, field->number());
    }
  }
}

// Has its field's number in each place.
void ExpectNumbered(const RunSample& sample) {
  EXPECT_EQ(sample.id, 1);
  EXPECT_EQ(sample.label, 2);
  EXPECT_EQ(sample.presentations, 3);
  EXPECT_EQ(sample.mean_true_probability, 4.0);
  EXPECT_EQ(sample.true_probability_deviation, 5.0);
  EXPECT_EQ(sample.mean_loss, 6.0);
  EXPECT_EQ(sample.mean_margin, 7.0);
  EXPECT_EQ(sample.correctness, 8.0);
  EXPECT_EQ(sample.forgetting_events, 9);
  EXPECT_EQ(sample.learned_at, 10);
  EXPECT_EQ(sample.turned_easy, 11);
  EXPECT_EQ(sample.turned_hard, 12);
  EXPECT_EQ(sample.last_true_probability, 13.0);
  EXPECT_EQ(sample.last_step, 14);
  EXPECT_EQ(sample.class_id, 15);
}

// Returns columns of `size` samples whose values are their fields' numbers.
v1::ExportRunSamplesResponse NumberedColumns(int64_t size) {
  v1::ExportRunSamplesResponse response;
  const auto* type = response.GetDescriptor();
  const auto* sample = v1::RunSample::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    auto& column =
        static_cast<v1::Tensor&>(*response.GetReflection()->MutableMessage(&response, field));
    const bool is_integer = sample->FindFieldByNumber(field->number())->cpp_type() ==
                            google::protobuf::FieldDescriptor::CPPTYPE_INT64;
    column.set_data_type(is_integer ? v1::DATA_TYPE_INT64 : v1::DATA_TYPE_FLOAT64);
    column.add_shape(size);
    const std::vector<int64_t> integers(static_cast<size_t>(size), field->number());
    const std::vector<double> doubles(integers.begin(), integers.end());
    column.set_data(is_integer ? static_cast<const void*>(integers.data()) : doubles.data(),
                    integers.size() * sizeof(int64_t));
  }
  return response;
}

TEST(RunDecodingTest, ReadsEachFieldOfASample) {
  v1::RunSample message;
  NumberFields(message);
  ExpectNumbered(DecodeRunSample(message));
  message.clear_learned_at();
  EXPECT_FALSE(DecodeRunSample(message).learned_at);
}

TEST(RunDecodingTest, ReadsEachColumn) {
  const auto samples = DecodeColumns(NumberedColumns(3));
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->size(), 3U);
  for (const RunSample& sample : *samples) ExpectNumbered(sample);
}

TEST(RunDecodingTest, ASampleThatWasNeverLearnedHasAZero) {
  v1::ExportRunSamplesResponse response = NumberedColumns(1);
  response.mutable_learned_at()->set_data(std::string(sizeof(int64_t), '\0'));
  EXPECT_FALSE(DecodeColumns(response)->front().learned_at);
}

TEST(RunDecodingTest, RefusesColumnsThatDoNotFit) {
  v1::ExportRunSamplesResponse response = NumberedColumns(3);
  *response.mutable_mean_loss() = NumberedColumns(2).mean_loss();
  EXPECT_THAT(std::string(DecodeColumns(response).status().message()),
              HasSubstr("mean_loss has 2 samples of the 3 of id"));
  response = NumberedColumns(3);
  response.clear_last_step();
  EXPECT_EQ(DecodeColumns(response).status().code(), absl::StatusCode::kInternal);
  response = NumberedColumns(3);
  response.mutable_label()->set_data_type(v1::DATA_TYPE_INT32);
  EXPECT_EQ(DecodeColumns(response).status().code(), absl::StatusCode::kInternal);
}

TEST(RunDecodingTest, ReadsARun) {
  v1::Run message;
  NumberFields(message);
  message.set_name("a/b");
  message.mutable_create_time()->set_seconds(5);
  message.mutable_update_time()->set_nanos(7);
  v1::RunPoint& point = *message.add_points();
  NumberFields(point);
  point.add_class_ids(-1);
  point.add_class_loss_share(0.5);
  point.add_class_gradient_share(0.25);
  point.add_class_hard_count(3);
  message.mutable_map()->add_counts(4);
  message.add_forgetting_histogram(6);
  message.add_findings("It rises.");

  const lossd::Run run = DecodeRun(message);

  EXPECT_EQ(run.name, "a/b");
  EXPECT_EQ(run.create_time, absl::FromUnixSeconds(5));
  EXPECT_EQ(run.update_time, absl::FromUnixNanos(7));
  EXPECT_THAT(
      (std::vector<int64_t>{run.first_step, run.last_step, run.sample_count, run.presentation_count,
                            run.non_finite_count, run.never_learned_count}),
      ElementsAre(4, 5, 6, 7, 13, 14));
  EXPECT_EQ(run.hard_threshold, 8.0);
  EXPECT_THAT(run.map, ElementsAre(4));
  EXPECT_THAT(run.forgetting_histogram, ElementsAre(6));
  EXPECT_THAT(run.findings, ElementsAre("It rises."));
  ASSERT_EQ(run.points.size(), 1U);
  const RunPoint& read = run.points.front();
  EXPECT_THAT(
      (std::vector<int64_t>{read.first_step, read.last_step, read.epoch, read.presentations,
                            read.hard_count, read.turned_easy, read.turned_hard, read.forgotten}),
      ElementsAre(1, 2, 3, 4, 6, 7, 8, 9));
  EXPECT_EQ(read.mean_loss, 5.0);
  EXPECT_EQ(read.learning_rate, 10.0);
  EXPECT_THAT(read.class_ids, ElementsAre(-1));
  EXPECT_THAT(read.class_loss_share, ElementsAre(0.5));
  EXPECT_THAT(read.class_gradient_share, ElementsAre(0.25));
  EXPECT_THAT(read.class_hard_count, ElementsAre(3));
}

}  // namespace
}  // namespace lossd::client
