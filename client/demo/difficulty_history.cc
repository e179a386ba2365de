#include "client/demo/difficulty_history.h"

#include <algorithm>

namespace lossd::demo {
namespace {

constexpr float kHardThreshold = 0.5f;

}  // namespace

void DifficultyHistory::Observe(absl::Span<const float> true_probabilities) {
  const bool first = sides_.empty();
  sides_.resize(true_probabilities.size());
  changed_.resize(true_probabilities.size());
  hard_at_last_ = 0;
  for (size_t i = 0; i < true_probabilities.size(); ++i) {
    const Side side = true_probabilities[i] < kHardThreshold ? Side::kHard : Side::kEasy;
    hard_at_last_ += side == Side::kHard ? 1 : 0;
    if (!first && side != sides_[i]) {
      ++(side == Side::kHard ? became_hard_ : became_easy_);
      changed_[i] = 1;
    }
    sides_[i] = side;
  }
  if (first) hard_at_first_ = hard_at_last_;
}

size_t DifficultyHistory::samples_that_changed() const {
  return static_cast<size_t>(std::count(changed_.begin(), changed_.end(), uint8_t{1}));
}

}  // namespace lossd::demo
