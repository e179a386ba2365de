#ifndef LOSSD_SERVER_LOSS_TOP_K_H_
#define LOSSD_SERVER_LOSS_TOP_K_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace lossd::loss {

// Counts, for each k of a list, the samples whose truth is among the first k logits. A sample costs
// the logarithm of the length of a long list.
class TopKCounter {
 public:
  explicit TopKCounter(absl::Span<const int32_t> top_k);

  // Adds a sample, before whose truth come `rank` logits.
  void Add(int64_t rank) {
    if (sorted_.size() > kFew) return AddToMany(rank);
    // Nobody foresees the ranks: counting takes no branch.
    size_t place = 0;
    for (const int32_t k : sorted_) place += k <= rank ? 1 : 0;
    ++samples_[place];
  }

  // Returns for each entry of the list, in its order, how many samples had a rank below it.
  std::vector<int64_t> Counts() const;

 private:
  static constexpr size_t kFew = 8;

  void AddToMany(int64_t rank);

  const absl::Span<const int32_t> top_k_;
  std::vector<int32_t> sorted_;  // without repetitions
  // Whose first k that is large enough is that of `sorted_`; then those that have none.
  std::vector<int64_t> samples_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOP_K_H_
