#include "server/runs/batch_tally.h"

#include <algorithm>
#include <utility>

namespace lossd::runs {

void TurnTally::Merge(const TurnTally& other) {
  if (other.presentations == 0) return;
  const auto count = static_cast<double>(presentations + other.presentations);
  // Products apart: the sum of two huge means may be none.
  mean_loss = mean_loss * (static_cast<double>(presentations) / count) +
              other.mean_loss * (static_cast<double>(other.presentations) / count);
  presentations += other.presentations;
  hard_count += other.hard_count;
  turned_easy += other.turned_easy;
  turned_hard += other.turned_hard;
  forgotten += other.forgotten;
  epoch = std::max(epoch, other.epoch);
}

void TurnTally::AppendTo(ByteWriter& writer) const {
  writer.Add(presentations);
  writer.Add(mean_loss);
  for (const int64_t count : {hard_count, turned_easy, turned_hard, forgotten, epoch}) {
    writer.Add(count);
  }
}

TurnTally TurnTally::Read(ByteReader& reader) {
  TurnTally tally;
  tally.presentations = reader.Read<int64_t>();
  tally.mean_loss = reader.Read<double>();
  for (int64_t* count : {&tally.hard_count, &tally.turned_easy, &tally.turned_hard,
                         &tally.forgotten, &tally.epoch}) {
    *count = reader.Read<int64_t>();
  }
  return tally;
}

BatchTally::BatchTally(int64_t class_count) : classes_(class_count) {
  if (class_count <= kMostInArray) array_.resize(static_cast<size_t>(class_count));
}

ClassTallies BatchTally::TakeClasses() {
  for (size_t k = 0; k < array_.size(); ++k) {
    if (array_[k].present) classes_.Add(static_cast<int64_t>(k), array_[k].tally);
  }
  array_.clear();
  return std::move(classes_);
}

}  // namespace lossd::runs
