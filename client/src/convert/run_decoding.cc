#include "client/src/convert/run_decoding.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/src/wire/tensor_codec.h"

namespace lossd::client {
namespace {

template <typename T>
std::vector<T> ToVector(const google::protobuf::RepeatedField<T>& values) {
  return {values.begin(), values.end()};
}

absl::Time Decode(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

RunPoint Decode(const v1::RunPoint& message) {
  RunPoint point;
  point.first_step = message.first_step();
  point.last_step = message.last_step();
  point.epoch = message.epoch();
  point.presentations = message.presentations();
  point.mean_loss = message.mean_loss();
  point.hard_count = message.hard_count();
  point.turned_easy = message.turned_easy();
  point.turned_hard = message.turned_hard();
  point.forgotten = message.forgotten();
  if (message.has_learning_rate()) point.learning_rate = message.learning_rate();
  point.class_ids = ToVector(message.class_ids());
  point.class_loss_share = ToVector(message.class_loss_share());
  point.class_gradient_share = ToVector(message.class_gradient_share());
  point.class_hard_count = ToVector(message.class_hard_count());
  return point;
}

// The samples of columns, which are read one by one.
class Columns {
 public:
  explicit Columns(size_t size) : samples_(size) {}

  // Reads a column into a member of each sample.
  template <typename T, typename Member>
  void Read(absl::string_view name, const v1::Tensor& column, Member RunSample::*member) {
    if (!status_.ok()) return;
    const absl::StatusOr<xt::xarray<T>> values = DecodeTensor<T>(name, column);
    if (!values.ok()) {
      status_ = values.status();
      return;
    }
    if (values->size() != samples_.size()) {
      status_ = absl::InternalError(absl::StrCat("the server's ", name, " has ", values->size(),
                                                 " samples of the ", samples_.size(), " of id"));
      return;
    }
    for (size_t i = 0; i < samples_.size(); ++i) samples_[i].*member = values->data()[i];
  }

  absl::StatusOr<std::vector<RunSample>> Finish() && {
    if (!status_.ok()) return status_;
    for (RunSample& sample : samples_) {
      if (sample.learned_at == 0) sample.learned_at.reset();
    }
    return std::move(samples_);
  }

 private:
  std::vector<RunSample> samples_;
  absl::Status status_;
};

}  // namespace

v1::SampleOrder EncodeSampleOrder(SampleOrder order) {
  switch (order) {
    case SampleOrder::kHardest:
      return v1::SAMPLE_ORDER_HARDEST;
    case SampleOrder::kEasiest:
      return v1::SAMPLE_ORDER_EASIEST;
    case SampleOrder::kMostForgotten:
      return v1::SAMPLE_ORDER_MOST_FORGOTTEN;
    case SampleOrder::kMostVariable:
      return v1::SAMPLE_ORDER_MOST_VARIABLE;
    case SampleOrder::kLowestMargin:
      return v1::SAMPLE_ORDER_LOWEST_MARGIN;
    case SampleOrder::kMostTurned:
      return v1::SAMPLE_ORDER_MOST_TURNED;
  }
  return v1::SAMPLE_ORDER_UNSPECIFIED;
}

Run DecodeRun(const v1::Run& message) {
  Run run;
  run.name = message.name();
  run.create_time = Decode(message.create_time());
  run.update_time = Decode(message.update_time());
  run.first_step = message.first_step();
  run.last_step = message.last_step();
  run.sample_count = message.sample_count();
  run.presentation_count = message.presentation_count();
  run.hard_threshold = message.hard_threshold();
  run.points.reserve(static_cast<size_t>(message.points_size()));
  for (const v1::RunPoint& point : message.points()) run.points.push_back(Decode(point));
  run.map = ToVector(message.map().counts());
  run.forgetting_histogram = ToVector(message.forgetting_histogram());
  run.findings.assign(message.findings().begin(), message.findings().end());
  run.non_finite_count = message.non_finite_count();
  run.never_learned_count = message.never_learned_count();
  return run;
}

RunSample DecodeRunSample(const v1::RunSample& message) {
  RunSample sample;
  sample.id = message.id();
  sample.label = message.label();
  sample.presentations = message.presentations();
  sample.mean_true_probability = message.mean_true_probability();
  sample.true_probability_deviation = message.true_probability_deviation();
  sample.mean_loss = message.mean_loss();
  sample.mean_margin = message.mean_margin();
  sample.correctness = message.correctness();
  sample.forgetting_events = message.forgetting_events();
  if (message.has_learned_at()) sample.learned_at = message.learned_at();
  sample.turned_easy = message.turned_easy();
  sample.turned_hard = message.turned_hard();
  sample.last_true_probability = message.last_true_probability();
  sample.last_step = message.last_step();
  sample.class_id = message.class_id();
  return sample;
}

absl::StatusOr<std::vector<RunSample>> DecodeColumns(const v1::ExportRunSamplesResponse& response) {
  using Sample = RunSample;
  const auto& r = response;
  Columns columns(static_cast<size_t>(r.id().data().size()) / sizeof(int64_t));
  columns.Read<int64_t>("id", r.id(), &Sample::id);
  columns.Read<int64_t>("label", r.label(), &Sample::label);
  columns.Read<int64_t>("presentations", r.presentations(), &Sample::presentations);
  columns.Read<double>("mean_true_probability", r.mean_true_probability(),
                       &Sample::mean_true_probability);
  columns.Read<double>("true_probability_deviation", r.true_probability_deviation(),
                       &Sample::true_probability_deviation);
  columns.Read<double>("mean_loss", r.mean_loss(), &Sample::mean_loss);
  columns.Read<double>("mean_margin", r.mean_margin(), &Sample::mean_margin);
  columns.Read<double>("correctness", r.correctness(), &Sample::correctness);
  columns.Read<int64_t>("forgetting_events", r.forgetting_events(), &Sample::forgetting_events);
  columns.Read<int64_t>("learned_at", r.learned_at(), &Sample::learned_at);
  columns.Read<int64_t>("turned_easy", r.turned_easy(), &Sample::turned_easy);
  columns.Read<int64_t>("turned_hard", r.turned_hard(), &Sample::turned_hard);
  columns.Read<double>("last_true_probability", r.last_true_probability(),
                       &Sample::last_true_probability);
  columns.Read<int64_t>("last_step", r.last_step(), &Sample::last_step);
  columns.Read<int64_t>("class_id", r.class_id(), &Sample::class_id);
  return std::move(columns).Finish();
}

}  // namespace lossd::client
