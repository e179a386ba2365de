#include "server/runs/sample_record.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace lossd::runs {
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
