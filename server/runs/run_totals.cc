#include "server/runs/run_totals.h"

#include <algorithm>

namespace lossd::runs {

RunTotals::RunTotals(int64_t class_count, double hard_threshold)
    : class_count_(class_count), hard_threshold_(hard_threshold), curve_(class_count) {}

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
  run.never_learned_count = never_learned_count();
  run.hard_threshold = hard_threshold_;
  run.map = map_;
  std::copy_n(forgetting_.begin(), kLearnedPlaces, run.forgetting.begin());
  return run;
}

void RunTotals::AppendTo(ByteWriter& writer) const {
  for (const int64_t number :
       {batch_count_, first_step_, last_step_, sample_count_, presentation_count_,
        non_finite_count_, sample_count_ - never_learned_count()}) {
    writer.Add(number);
  }
  for (const int64_t count : map_) writer.Add(count);
  for (size_t i = 0; i < kLearnedPlaces; ++i) writer.Add(forgetting_[i]);
  curve_.AppendTo(writer);
}

bool RunTotals::ReadFrom(ByteReader& reader) {
  return ReadSummaryFrom(reader) && curve_.ReadFrom(reader);
}

bool RunTotals::ReadSummaryFrom(ByteReader& reader) {
  int64_t learned_count = 0;
  for (int64_t* number : {&batch_count_, &first_step_, &last_step_, &sample_count_,
                          &presentation_count_, &non_finite_count_, &learned_count}) {
    *number = reader.Read<int64_t>();
  }
  for (int64_t& count : map_) count = reader.Read<int64_t>();
  for (size_t i = 0; i < kLearnedPlaces; ++i) forgetting_[i] = reader.Read<int64_t>();
  forgetting_[kLearnedPlaces] = sample_count_ - learned_count;
  return reader.ok();
}

}  // namespace lossd::runs
