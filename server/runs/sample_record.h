#ifndef LOSSD_SERVER_RUNS_SAMPLE_RECORD_H_
#define LOSSD_SERVER_RUNS_SAMPLE_RECORD_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/runs/presentation.h"
#include "server/runs/run.h"

namespace lossd::runs {

// All that is kept of a sample, however often it is presented: 88 bytes, of which ten million fit
// in a gigabyte.
class SampleRecord {
 public:
  explicit SampleRecord(int64_t id) : id_(id) {}
  SampleRecord() = default;

  // Adds a presentation, which must be finite. Returns what happened since the one before it.
  // Beyond kMostPresentations it changes nothing.
  Turn Add(const Presentation& presentation, int64_t step, double hard_threshold);

  int64_t id() const { return id_; }
  int64_t class_id() const { return class_id_; }
  int64_t presentations() const { return presentations_; }
  bool learned() const { return learned_at_ > 0; }
  int64_t forgetting_events() const { return forgetting_events_; }
  int64_t turns() const { return int64_t{turned_easy_} + turned_hard_; }
  double mean_true_probability() const { return mean_true_probability_; }
  double true_probability_deviation() const;
  double mean_margin() const { return mean_margin_; }

  // Returns the sample's cell of the cartography map.
  int cell() const { return cell_; }

  RunSample ToSample() const;

  // Writes the record to kBytes bytes, which are the same on every little-endian machine.
  void CopyTo(char* bytes) const;
  // Reads the record of kBytes bytes. Returns false where they are none.
  bool ReadFrom(absl::string_view bytes);
  static constexpr size_t kBytes = 88;

  static constexpr int64_t kMostPresentations = UINT32_MAX;

 private:
  static constexpr uint8_t kLabelIsClass = 2;

  // Returns which of kMapSide equal parts of [0, `end`] has `value`.
  static int PartOf(double value, double end) {
    const int part = static_cast<int>(value * (kMapSide / end));
    return std::clamp(part, 0, kMapSide - 1);
  }

  int64_t id_ = 0;
  // Means, and the sum of squared distances from the mean, by Welford's update (1962), which loses
  // no digits where p_t hardly varies.
  double mean_true_probability_ = 0;
  double squared_distances_ = 0;
  double mean_loss_ = 0;
  double mean_margin_ = 0;
  double last_true_probability_ = 0;
  int64_t last_step_ = 0;
  uint32_t presentations_ = 0;
  uint32_t correct_ = 0;
  uint32_t forgetting_events_ = 0;
  uint32_t learned_at_ = 0;  // the number of the presentation; 0: never
  uint32_t turned_easy_ = 0;
  uint32_t turned_hard_ = 0;
  int32_t class_id_ = 0;
  uint16_t cell_ = 0;
  bool was_correct_ = false;
  // 0 and 1 are a sigmoid's labels; kLabelIsClass is softmax's.
  uint8_t label_ = 0;
};

static_assert(sizeof(SampleRecord) == SampleRecord::kBytes);

inline Turn SampleRecord::Add(const Presentation& presentation, int64_t step,
                              double hard_threshold) {
  Turn turn;
  if (presentations_ == kMostPresentations) return turn;
  // No CPU foresees whether a sample turns, or is correct: that is counted without branches.
  const double p = presentation.true_probability;
  const uint32_t again = presentations_ > 0 ? 1 : 0;
  const uint32_t is_hard = p < hard_threshold ? 1 : 0;
  const uint32_t was_hard = last_true_probability_ < hard_threshold ? 1 : 0;
  const uint32_t is_correct = presentation.correct ? 1 : 0;
  const uint32_t was_correct = was_correct_ ? 1 : 0;
  const uint32_t easy = again & was_hard & ~is_hard;
  const uint32_t hard = again & ~was_hard & is_hard;
  const uint32_t forgotten = again & was_correct & ~is_correct;
  turn = {easy != 0, hard != 0, forgotten != 0};
  ++presentations_;
  const double part = 1.0 / presentations_;
  const double distance = p - mean_true_probability_;
  mean_true_probability_ += distance * part;
  squared_distances_ += distance * (p - mean_true_probability_);
  // Two products: the difference of two huge numbers may be none.
  mean_loss_ += presentation.loss * part - mean_loss_ * part;
  mean_margin_ += presentation.margin * part - mean_margin_ * part;
  last_true_probability_ = p;
  last_step_ = step;
  turned_easy_ += easy;
  turned_hard_ += hard;
  forgetting_events_ += forgotten;
  correct_ += is_correct;
  const uint32_t is_first_correct = is_correct & (learned_at_ == 0 ? 1U : 0U);
  learned_at_ += is_first_correct * presentations_;
  was_correct_ = presentation.correct;
  class_id_ = static_cast<int32_t>(presentation.class_id);
  label_ = presentation.label == presentation.class_id ? kLabelIsClass
                                                       : static_cast<uint8_t>(presentation.label);
  cell_ = static_cast<uint16_t>(PartOf(mean_true_probability_, 1) * kMapSide +
                                PartOf(true_probability_deviation(), 0.5));
  return turn;
}

inline double SampleRecord::true_probability_deviation() const {
  // Rounding may leave a sum of squares a little below 0.
  return std::sqrt(std::max(squared_distances_, 0.0) / std::max(presentations_, 1U));
}

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SAMPLE_RECORD_H_
