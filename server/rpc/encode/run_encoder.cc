#include "server/rpc/encode/run_encoder.h"

#include <cstdint>
#include <cstring>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace lossd::rpc {
namespace {

void SetTime(absl::Time time, google::protobuf::Timestamp& message) {
  absl::Duration rest;
  int64_t seconds = absl::IDivDuration(time - absl::UnixEpoch(), absl::Seconds(1), &rest);
  if (rest < absl::ZeroDuration()) {
    rest += absl::Seconds(1);
    --seconds;
  }
  message.set_seconds(seconds);
  message.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

void EncodePoint(const runs::RunPoint& point, v1::RunPoint& message) {
  message.set_first_step(point.first_step);
  message.set_last_step(point.last_step);
  message.set_epoch(point.epoch);
  message.set_presentations(point.presentations);
  message.set_mean_loss(point.mean_loss);
  message.set_hard_count(point.hard_count);
  message.set_turned_easy(point.turned_easy);
  message.set_turned_hard(point.turned_hard);
  message.set_forgotten(point.forgotten);
  if (point.learning_rate) message.set_learning_rate(*point.learning_rate);
  for (const runs::ClassShare& share : point.classes) {
    message.add_class_ids(share.class_id);
    message.add_class_loss_share(share.loss_share);
    message.add_class_gradient_share(share.gradient_share);
    message.add_class_hard_count(share.hard_count);
  }
}

// Writes a column, whose entries `read` takes from the samples.
template <typename T, typename Read>
void EncodeColumn(absl::Span<const runs::RunSample> samples, v1::DataType type, Read read,
                  v1::Tensor& column) {
  column.set_data_type(type);
  column.add_shape(static_cast<int64_t>(samples.size()));
  std::string& data = *column.mutable_data();
  data.resize(samples.size() * sizeof(T));
  char* out = data.data();
  for (const runs::RunSample& sample : samples) {
    const T value = read(sample);
    std::memcpy(out, &value, sizeof(T));
    out += sizeof(T);
  }
}

}  // namespace

void EncodeRun(const runs::Run& run, v1::Run& message) {
  message.set_name(run.name);
  SetTime(run.create_time, *message.mutable_create_time());
  SetTime(run.update_time, *message.mutable_update_time());
  message.set_first_step(run.first_step);
  message.set_last_step(run.last_step);
  message.set_sample_count(run.sample_count);
  message.set_presentation_count(run.presentation_count);
  message.set_hard_threshold(run.hard_threshold);
  for (const runs::RunPoint& point : run.points) EncodePoint(point, *message.add_points());
  message.mutable_map()->mutable_counts()->Assign(run.map.begin(), run.map.end());
  message.mutable_forgetting_histogram()->Assign(run.forgetting.begin(), run.forgetting.end());
  for (const std::string& finding : run.findings) message.add_findings(finding);
  message.set_non_finite_count(run.non_finite_count);
  message.set_never_learned_count(run.never_learned_count);
}

void EncodeRunSample(const runs::RunSample& sample, v1::RunSample& message) {
  message.set_id(sample.id);
  message.set_label(sample.label);
  message.set_presentations(sample.presentations);
  message.set_mean_true_probability(sample.mean_true_probability);
  message.set_true_probability_deviation(sample.true_probability_deviation);
  message.set_mean_loss(sample.mean_loss);
  message.set_mean_margin(sample.mean_margin);
  message.set_correctness(sample.correctness);
  message.set_forgetting_events(sample.forgetting_events);
  if (sample.learned_at) message.set_learned_at(*sample.learned_at);
  message.set_turned_easy(sample.turned_easy);
  message.set_turned_hard(sample.turned_hard);
  message.set_last_true_probability(sample.last_true_probability);
  message.set_last_step(sample.last_step);
  message.set_class_id(sample.class_id);
}

v1::ExportRunSamplesResponse EncodeColumns(absl::Span<const runs::RunSample> samples) {
  using runs::RunSample;
  v1::ExportRunSamplesResponse response;
  const auto integers = [&](auto read, v1::Tensor& column) {
    EncodeColumn<int64_t>(samples, v1::DATA_TYPE_INT64, read, column);
  };
  const auto doubles = [&](double RunSample::*member, v1::Tensor& column) {
    EncodeColumn<double>(
        samples, v1::DATA_TYPE_FLOAT64, [member](const RunSample& s) { return s.*member; }, column);
  };
  const auto of = [](int64_t RunSample::*member) {
    return [member](const RunSample& s) { return s.*member; };
  };
  integers(of(&RunSample::id), *response.mutable_id());
  integers(of(&RunSample::label), *response.mutable_label());
  integers(of(&RunSample::presentations), *response.mutable_presentations());
  doubles(&RunSample::mean_true_probability, *response.mutable_mean_true_probability());
  doubles(&RunSample::true_probability_deviation, *response.mutable_true_probability_deviation());
  doubles(&RunSample::mean_loss, *response.mutable_mean_loss());
  doubles(&RunSample::mean_margin, *response.mutable_mean_margin());
  doubles(&RunSample::correctness, *response.mutable_correctness());
  integers(of(&RunSample::forgetting_events), *response.mutable_forgetting_events());
  integers([](const RunSample& s) { return s.learned_at.value_or(0); },
           *response.mutable_learned_at());
  integers(of(&RunSample::turned_easy), *response.mutable_turned_easy());
  integers(of(&RunSample::turned_hard), *response.mutable_turned_hard());
  doubles(&RunSample::last_true_probability, *response.mutable_last_true_probability());
  integers(of(&RunSample::last_step), *response.mutable_last_step());
  integers(of(&RunSample::class_id), *response.mutable_class_id());
  return response;
}

}  // namespace lossd::rpc
