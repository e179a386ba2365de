#ifndef LOSSD_SERVER_LOSS_TOP_K_H_
#define LOSSD_SERVER_LOSS_TOP_K_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace lossd::loss {

// Counts, for each k of a list, the samples whose truth is among the first k logits. A sample costs
// the logarithm of the list's length.
class TopKCounter {
 public:
  explicit TopKCounter(absl::Span<const int32_t> top_k);

  // Adds a sample, before whose truth come `rank` logits.
  void Add(int64_t rank);

  // Returns for each entry of the list, in its order, how many samples had a rank below it.
  std::vector<int64_t> Counts() const;

 private:
  const absl::Span<const int32_t> top_k_;
  std::vector<int32_t> sorted_;   // without repetitions
  std::vector<int64_t> samples_;  // whose first k that is large enough is that of `sorted_`
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOP_K_H_
