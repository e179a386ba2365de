#include "server/runs/sample_record.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace lossd::runs {
namespace {

constexpr uint8_t kLabelIsClass = 2;

// Returns which of kMapSide equal parts of [0, `end`] has `value`.
int PartOf(double value, double end) {
  const int part = static_cast<int>(value * (kMapSide / end));
  return std::clamp(part, 0, kMapSide - 1);
}

}  // namespace

Turn SampleRecord::Add(const Presentation& presentation, int64_t step, double hard_threshold) {
  Turn turn;
  if (presentations_ == kMostPresentations) return turn;
  const double p = presentation.true_probability;
  const bool is_hard = p < hard_threshold;
  if (presentations_ > 0) {
    const bool was_hard = last_true_probability_ < hard_threshold;
    turn = {was_hard && !is_hard, !was_hard && is_hard, was_correct_ && !presentation.correct};
  }
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
  turned_easy_ += turn.easy ? 1 : 0;
  turned_hard_ += turn.hard ? 1 : 0;
  forgetting_events_ += turn.forgotten ? 1 : 0;
  correct_ += presentation.correct ? 1 : 0;
  if (presentation.correct && learned_at_ == 0) learned_at_ = presentations_;
  was_correct_ = presentation.correct;
  class_id_ = static_cast<int32_t>(presentation.class_id);
  label_ = presentation.label == presentation.class_id ? kLabelIsClass
                                                       : static_cast<uint8_t>(presentation.label);
  cell_ = static_cast<uint16_t>(PartOf(mean_true_probability_, 1) * kMapSide +
                                PartOf(true_probability_deviation(), 0.5));
  return turn;
}

double SampleRecord::true_probability_deviation() const {
  // Rounding may leave a sum of squares a little below 0.
  return std::sqrt(std::max(squared_distances_, 0.0) / std::max(presentations_, 1U));
}

void SampleRecord::CopyTo(char* bytes) const {
  static_assert(std::is_trivially_copyable_v<SampleRecord>);
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  std::memcpy(bytes, this, kBytes);
}

bool SampleRecord::ReadFrom(absl::string_view bytes) {
  constexpr size_t kCell = offsetof(SampleRecord, cell_);
  constexpr size_t kCorrect = offsetof(SampleRecord, was_correct_);
  if (bytes.size() != kBytes) return false;
  uint16_t cell = 0;
  std::memcpy(&cell, bytes.data() + kCell, sizeof(cell));
  if (cell >= kMapSide * kMapSide || static_cast<uint8_t>(bytes[kCorrect]) > 1) return false;
  std::memcpy(this, bytes.data(), kBytes);
  return presentations_ > 0;
}

RunSample SampleRecord::ToSample() const {
  RunSample sample;
  sample.id = id_;
  sample.class_id = class_id_;
  sample.label = label_ == kLabelIsClass ? class_id_ : label_;
  sample.presentations = presentations_;
  sample.mean_true_probability = mean_true_probability_;
  sample.true_probability_deviation = true_probability_deviation();
  sample.mean_loss = mean_loss_;
  sample.mean_margin = mean_margin_;
  sample.correctness = static_cast<double>(correct_) / std::max(presentations_, 1U);
  sample.forgetting_events = forgetting_events_;
  if (learned_at_ > 0) sample.learned_at = learned_at_;
  sample.turned_easy = turned_easy_;
  sample.turned_hard = turned_hard_;
  sample.last_true_probability = last_true_probability_;
  sample.last_step = last_step_;
  return sample;
}

}  // namespace lossd::runs
