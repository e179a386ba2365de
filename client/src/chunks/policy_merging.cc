#include "client/src/chunks/policy_merging.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <optional>

namespace lossd::client {
namespace {

std::array<std::optional<double>*, 6> MeansOf(PolicyStatistics& statistics) {
  return {&statistics.ratio_mean, &statistics.ratio_mean_square, &statistics.kl_k1,
          &statistics.kl_k3,      &statistics.reference_kl_k1,   &statistics.reference_kl_k3};
}

// Adds what there is to the sum, which is there once there was something.
template <typename Number>
void AddTo(std::optional<Number>& sum, const std::optional<Number>& number, Number times) {
  if (number) sum = sum.value_or(0) + (times == 0 ? 0 : *number * times);
}

// Replaces `extreme` where `number` is further out.
template <typename Further>
void KeepExtreme(std::optional<double>& extreme, const std::optional<double>& number,
                 Further further) {
  if (number && (!extreme || further(*number, *extreme))) extreme = number;
}

}  // namespace

void PolicyStatisticsMerger::Add(const PolicyStatistics& chunk, int64_t valid_count) {
  sums_.clipped_high_count += chunk.clipped_high_count;
  sums_.clipped_low_count += chunk.clipped_low_count;
  sums_.dual_clipped_count += chunk.dual_clipped_count;
  AddTo(sums_.weight_high_count, chunk.weight_high_count, int64_t{1});
  AddTo(sums_.weight_low_count, chunk.weight_low_count, int64_t{1});
  PolicyStatistics part = chunk;
  const auto sums = MeansOf(sums_);
  const auto means = MeansOf(part);
  for (size_t i = 0; i < sums.size(); ++i) {
    AddTo(*sums[i], *means[i], static_cast<double>(valid_count));
  }
  valid_count_ += valid_count;
  // Without samples there are no extremes: the server says 0.
  if (valid_count == 0) return;
  KeepExtreme(sums_.ratio_min, chunk.ratio_min, std::less<>());
  KeepExtreme(sums_.ratio_max, chunk.ratio_max, std::greater<>());
}

PolicyStatistics PolicyStatisticsMerger::Merge() const {
  PolicyStatistics merged = sums_;
  const auto samples = static_cast<double>(std::max<int64_t>(1, valid_count_));
  for (std::optional<double>* const mean : MeansOf(merged)) {
    if (*mean) *mean = **mean / samples;
  }
  if (sums_.ratio_mean) {
    merged.ratio_min = sums_.ratio_min.value_or(0.0);
    merged.ratio_max = sums_.ratio_max.value_or(0.0);
    const double square = *sums_.ratio_mean_square;
    // The square of the sum may leave double's range where the quotient does not.
    merged.effective_sample_size =
        square == 0.0 ? 0.0 : *sums_.ratio_mean * (*sums_.ratio_mean / square);
  }
  return merged;
}

}  // namespace lossd::client
