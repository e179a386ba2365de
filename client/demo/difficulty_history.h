#ifndef LOSSD_CLIENT_DEMO_DIFFICULTY_HISTORY_H_
#define LOSSD_CLIENT_DEMO_DIFFICULTY_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace lossd::demo {

// Follows every training sample across the epochs: is it hard, p_t < ½, or easy?
class DifficultyHistory {
 public:
  // Takes p_t of every sample after one more epoch, always in the same order.
  void Observe(absl::Span<const float> true_probabilities);

  size_t hard_at_first() const { return hard_at_first_; }
  size_t hard_at_last() const { return hard_at_last_; }

  // Changes of side from one epoch to the next, summed over the epochs.
  size_t became_easy() const { return became_easy_; }
  size_t became_hard() const { return became_hard_; }

  // Samples that changed side at least once.
  size_t samples_that_changed() const;

 private:
  enum class Side : uint8_t { kEasy, kHard };

  std::vector<Side> sides_;
  std::vector<uint8_t> changed_;
  size_t hard_at_first_ = 0;
  size_t hard_at_last_ = 0;
  size_t became_easy_ = 0;
  size_t became_hard_ = 0;
};

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_DIFFICULTY_HISTORY_H_
