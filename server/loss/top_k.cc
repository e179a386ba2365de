#include "server/loss/top_k.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace lossd::loss {

TopKCounter::TopKCounter(absl::Span<const int32_t> top_k)
    : top_k_(top_k), sorted_(top_k.begin(), top_k.end()) {
  std::sort(sorted_.begin(), sorted_.end());
  sorted_.erase(std::unique(sorted_.begin(), sorted_.end()), sorted_.end());
  samples_.resize(sorted_.size() + 1);
}

void TopKCounter::AddToMany(int64_t rank) {
  const auto first = std::upper_bound(sorted_.begin(), sorted_.end(), rank);
  ++samples_[static_cast<size_t>(first - sorted_.begin())];
}

std::vector<int64_t> TopKCounter::Counts() const {
  std::vector<int64_t> below(samples_.size());
  std::partial_sum(samples_.begin(), samples_.end(), below.begin());
  std::vector<int64_t> counts;
  counts.reserve(top_k_.size());
  for (const int32_t k : top_k_) {
    const auto place = std::lower_bound(sorted_.begin(), sorted_.end(), k);
    counts.push_back(below[static_cast<size_t>(place - sorted_.begin())]);
  }
  return counts;
}

}  // namespace lossd::loss
