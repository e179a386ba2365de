#include "server/loss/mining.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "server/loss/selection.h"

namespace lossd::loss {
namespace {

double RankableLoss(double loss) {
  return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;
}

double RankableProbability(double true_probability) {
  return std::isnan(true_probability) ? -std::numeric_limits<double>::infinity() : true_probability;
}

int64_t KeptCount(const HardestMining& mining, int64_t valid) {
  if (mining.keep_count) return *mining.keep_count;
  const double wanted = std::floor(*mining.keep_fraction * static_cast<double>(valid) + 0.5);
  return static_cast<int64_t>(std::max(1.0, wanted));
}

class Miner {
 public:
  Miner(const MinedSamples& samples, const Cancellation& cancellation)
      : samples_(samples), cancellation_(cancellation) {
    ForEachValid([this](size_t) { ++valid_; });
  }

  MiningDecision operator()(std::monostate) const { return KeepAll(); }

  MiningDecision operator()(const HardestMining& mining) const {
    return KeepFirst(KeptCount(mining, valid_),
                     [this](size_t i) { return ~OrderOf(RankableLoss(samples_.losses[i])); });
  }

  MiningDecision operator()(const ThresholdMining& mining) const {
    int64_t below = 0;
    ForEachValid([&](size_t i) { below += Ease(i) < mining.probability ? 1 : 0; });
    return KeepFirst(std::max(below, mining.min_kept),
                     [this](size_t i) { return OrderOf(Ease(i)); });
  }

  MiningDecision operator()(const GradientHarmonizing& mining) const {
    MiningDecision decision = KeepAll();
    decision.weights.assign(samples_.valid.size(), 1.0);
    const auto bin_of = [&](size_t i) {
      const double g = 1 - std::max(Ease(i), 0.0);
      return std::min(static_cast<size_t>(g * mining.bins), static_cast<size_t>(mining.bins - 1));
    };
    std::vector<double> counts(static_cast<size_t>(mining.bins), 0.0);
    ForEachValid([&](size_t i) { counts[bin_of(i)] += 1; });
    const auto non_empty =
        std::count_if(counts.begin(), counts.end(), [](double n) { return n > 0; });
    ForEachValid([&](size_t i) {
      decision.weights[i] =
          static_cast<double>(valid_) / (counts[bin_of(i)] * static_cast<double>(non_empty));
    });
    return decision;
  }

 private:
  double Ease(size_t i) const { return RankableProbability(samples_.true_probability[i]); }

  template <typename F>
  void ForEachValid(F f) const {
    ForEachBlock(static_cast<int64_t>(samples_.valid.size()), 1, cancellation_,
                 [&](int64_t begin, int64_t end) {
                   for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
                     if (samples_.valid[i] != 0) f(i);
                   }
                 });
  }

  MiningDecision KeepAll() const {
    MiningDecision decision;
    decision.dropped.assign(samples_.valid.size(), 0);
    return decision;
  }

  // Drops every valid sample but the `count` of the smallest order(i), the first of equal ones.
  template <typename Order>
  MiningDecision KeepFirst(int64_t count, Order order) const {
    MiningDecision decision = KeepAll();
    if (count >= valid_) return decision;
    Smallest kept;
    if (count > 0) {
      kept = SelectSmallest<Last::kAnyBetween>(
          count, [&](auto f) { ForEachValid([&](size_t i) { f(order(i)); }); });
    }
    ForEachValid([&](size_t i) {
      const uint64_t number = order(i);
      const bool keeps = number < kept.last || (number == kept.last && kept.equal-- > 0);
      decision.dropped[i] = keeps ? 0 : 1;
    });
    return decision;
  }

  const MinedSamples& samples_;
  const Cancellation& cancellation_;
  int64_t valid_ = 0;
};

}  // namespace

MiningDecision Mine(const MinedSamples& samples, const Mining& mining,
                    const Cancellation& cancellation) {
  return std::visit(Miner(samples, cancellation), mining);
}

}  // namespace lossd::loss
