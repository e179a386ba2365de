#include "server/runs/run_totals.h"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace lossd::runs {

RunTotals::RunTotals(int64_t class_count, double hard_threshold)
    : class_count_(class_count), hard_threshold_(hard_threshold), curve_(class_count) {}

void RunTotals::Count(const SampleRecord& record, int64_t change) {
  map_[static_cast<size_t>(record.cell())] += change;
  if (!record.learned()) return;
  learned_count_ += change;
  constexpr int64_t kLast = std::tuple_size_v<ForgettingHistogram> - 1;
  forgetting_[static_cast<size_t>(std::min(record.forgetting_events(), kLast))] += change;
}

Turn RunTotals::Present(const Presentation& presentation, int64_t step, SampleRecord& record) {
  if (record.presentations() > 0) {
    Count(record, -1);
  } else {
    ++sample_count_;
  }
  const Turn turn = record.Add(presentation, step, hard_threshold_);
  Count(record, 1);
  return turn;
}

void RunTotals::AddBatch(int64_t step, std::optional<double> learning_rate, int64_t non_finite,
                         BatchTally& tally) {
  presentation_count_ += tally.turns().presentations;
  non_finite_count_ += non_finite;
  curve_.Add(step, learning_rate, tally.turns(), tally.TakeClasses());
  first_step_ = batch_count_ == 0 ? step : std::min(first_step_, step);
  last_step_ = batch_count_ == 0 ? step : std::max(last_step_, step);
  ++batch_count_;
}

Run RunTotals::Summary() const {
  Run run;
  run.first_step = first_step_;
  run.last_step = last_step_;
  run.sample_count = sample_count_;
  run.presentation_count = presentation_count_;
  run.non_finite_count = non_finite_count_;
  run.never_learned_count = sample_count_ - learned_count_;
  run.hard_threshold = hard_threshold_;
  run.map = map_;
  run.forgetting = forgetting_;
  return run;
}

void RunTotals::AppendTo(ByteWriter& writer) const {
  for (const int64_t number : {batch_count_, first_step_, last_step_, sample_count_,
                               presentation_count_, non_finite_count_, learned_count_}) {
    writer.Add(number);
  }
  for (const int64_t count : map_) writer.Add(count);
  for (const int64_t count : forgetting_) writer.Add(count);
  curve_.AppendTo(writer);
}

bool RunTotals::ReadFrom(ByteReader& reader) {
  return ReadSummaryFrom(reader) && curve_.ReadFrom(reader);
}

bool RunTotals::ReadSummaryFrom(ByteReader& reader) {
  for (int64_t* number : {&batch_count_, &first_step_, &last_step_, &sample_count_,
                          &presentation_count_, &non_finite_count_, &learned_count_}) {
    *number = reader.Read<int64_t>();
  }
  for (int64_t& count : map_) count = reader.Read<int64_t>();
  for (int64_t& count : forgetting_) count = reader.Read<int64_t>();
  return reader.ok();
}

}  // namespace lossd::runs
