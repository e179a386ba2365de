#include "server/loss/mining.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lossd::loss {
namespace {

std::vector<size_t> ValidIndices(const MinedSamples& samples) {
  std::vector<size_t> indices;
  for (size_t i = 0; i < samples.valid.size(); ++i) {
    if (samples.valid[i] != 0) indices.push_back(i);
  }
  return indices;
}

// Drops every valid sample but the first `count` of `indices`.
MiningDecision KeepFirst(const std::vector<size_t>& indices, size_t count, size_t samples) {
  MiningDecision decision;
  decision.dropped.assign(samples, 0);
  for (size_t i = std::min(count, indices.size()); i < indices.size(); ++i) {
    decision.dropped[indices[i]] = 1;
  }
  return decision;
}

double RankableLoss(double loss) {
  return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;
}

double RankableProbability(double true_probability) {
  return std::isnan(true_probability) ? -std::numeric_limits<double>::infinity() : true_probability;
}

size_t KeptCount(const HardestMining& mining, size_t valid) {
  if (mining.keep_count) return static_cast<size_t>(*mining.keep_count);
  const double wanted = std::floor(*mining.keep_fraction * static_cast<double>(valid) + 0.5);
  return static_cast<size_t>(std::max(1.0, wanted));
}

struct Miner {
  const MinedSamples& samples;

  MiningDecision operator()(std::monostate) const { return KeepFirst({}, 0, samples.valid.size()); }

  MiningDecision operator()(const HardestMining& mining) const {
    std::vector<size_t> indices = ValidIndices(samples);
    std::stable_sort(indices.begin(), indices.end(), [&](size_t a, size_t b) {
      return RankableLoss(samples.losses[a]) > RankableLoss(samples.losses[b]);
    });
    return KeepFirst(indices, KeptCount(mining, indices.size()), samples.valid.size());
  }

  MiningDecision operator()(const ThresholdMining& mining) const {
    std::vector<size_t> indices = ValidIndices(samples);
    const auto ease = [&](size_t i) { return RankableProbability(samples.true_probability[i]); };
    std::stable_sort(indices.begin(), indices.end(),
                     [&](size_t a, size_t b) { return ease(a) < ease(b); });
    const auto first_easy = std::find_if(indices.begin(), indices.end(),
                                         [&](size_t i) { return ease(i) >= mining.probability; });
    const auto below = static_cast<size_t>(first_easy - indices.begin());
    return KeepFirst(indices, std::max(below, static_cast<size_t>(mining.min_kept)),
                     samples.valid.size());
  }

  MiningDecision operator()(const GradientHarmonizing& mining) const {
    const std::vector<size_t> indices = ValidIndices(samples);
    MiningDecision decision = KeepFirst(indices, indices.size(), samples.valid.size());
    decision.weights.assign(samples.valid.size(), 1.0);
    const auto bin_of = [&](size_t i) {
      const double g = 1 - std::max(RankableProbability(samples.true_probability[i]), 0.0);
      return std::min(static_cast<size_t>(g * mining.bins), static_cast<size_t>(mining.bins - 1));
    };
    std::vector<double> counts(static_cast<size_t>(mining.bins), 0.0);
    for (const size_t i : indices) counts[bin_of(i)] += 1;
    const auto non_empty =
        std::count_if(counts.begin(), counts.end(), [](double n) { return n > 0; });
    for (const size_t i : indices) {
      decision.weights[i] = static_cast<double>(indices.size()) /
                            (counts[bin_of(i)] * static_cast<double>(non_empty));
    }
    return decision;
  }
};

}  // namespace

MiningDecision Mine(const MinedSamples& samples, const Mining& mining) {
  return std::visit(Miner{samples}, mining);
}

}  // namespace lossd::loss
