#include "server/loss/statistics.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace lossd::loss {
namespace {

double Share(double part, double total) { return total == 0 ? 0 : part / total; }

size_t FindBin(double true_probability) {
  const auto bin = static_cast<size_t>(true_probability * kDifficultyBins);
  return std::min<size_t>(bin, kDifficultyBins - 1);
}

template <typename T>
void KeepPositive(std::vector<T>& column) {
  column.erase(column.begin());
}

template <typename T>
void KeepSum(std::vector<T>& column) {
  column = {column[0] + column[1]};
}

}  // namespace

ClassStatistics MergeIntoOneClass(ClassStatistics statistics) {
  KeepPositive(statistics.count);
  KeepPositive(statistics.weight);
  KeepPositive(statistics.mean_true_probability);
  KeepPositive(statistics.predicted_count);
  KeepSum(statistics.loss_sum);
  KeepSum(statistics.loss_share);
  KeepSum(statistics.gradient_share);
  KeepSum(statistics.correct_count);
  const bool is_empty = statistics.count[0] == 0;
  statistics.frequency = {is_empty ? 0.0 : 1.0};
  statistics.empty_classes.clear();
  if (is_empty) statistics.empty_classes.push_back(0);
  return statistics;
}

StatisticsCollector::StatisticsCollector(int64_t class_count, double hard_threshold)
    : classes_(static_cast<size_t>(class_count)), bins_(), hard_threshold_(hard_threshold) {}

void StatisticsCollector::Add(const SampleOutcome& sample) {
  const auto add = [&](Tally& tally) {
    tally.count += sample.counted ? 1 : 0;
    tally.correct += sample.correct ? 1 : 0;
    tally.loss += sample.loss;
    tally.gradient += sample.gradient_l1;
    tally.true_probability += sample.counted ? sample.true_probability : 0;
  };
  add(classes_[static_cast<size_t>(sample.class_id)]);
  if (sample.predicted >= 0) ++classes_[static_cast<size_t>(sample.predicted)].predicted;

  const auto add_by_difficulty = [&](Tally& tally) {
    ++tally.count;
    tally.loss += sample.loss;
    tally.gradient += sample.gradient_l1;
    tally.true_probability += sample.true_probability;
  };
  add_by_difficulty(all_);
  if (sample.true_probability >= 0) add_by_difficulty(bins_[FindBin(sample.true_probability)]);
  if (sample.true_probability < hard_threshold_) add_by_difficulty(hard_);
}

ClassStatistics StatisticsCollector::MakeClassStatistics(std::vector<double> weights) const {
  int64_t total_count = 0;
  for (const Tally& tally : classes_) total_count += tally.count;
  ClassStatistics result;
  result.weight = std::move(weights);
  for (size_t k = 0; k < classes_.size(); ++k) {
    const Tally& tally = classes_[k];
    result.count.push_back(tally.count);
    result.frequency.push_back(
        Share(static_cast<double>(tally.count), static_cast<double>(total_count)));
    result.loss_sum.push_back(tally.loss);
    result.loss_share.push_back(Share(tally.loss, all_.loss));
    result.gradient_share.push_back(Share(tally.gradient, all_.gradient));
    result.mean_true_probability.push_back(
        Share(tally.true_probability, static_cast<double>(tally.count)));
    result.correct_count.push_back(tally.correct);
    result.predicted_count.push_back(tally.predicted);
    if (tally.count == 0) result.empty_classes.push_back(static_cast<int64_t>(k));
  }
  return result;
}

Difficulty StatisticsCollector::MakeDifficulty() const {
  Difficulty result;
  for (size_t i = 0; i < result.bin_edges.size(); ++i) {
    result.bin_edges[i] = static_cast<double>(i) / kDifficultyBins;
  }
  for (size_t i = 0; i < bins_.size(); ++i) {
    result.count[i] = bins_[i].count;
    result.loss_share[i] = Share(bins_[i].loss, all_.loss);
    result.gradient_share[i] = Share(bins_[i].gradient, all_.gradient);
  }
  result.hard_threshold = hard_threshold_;
  result.hard_count = hard_.count;
  result.hard_loss_share = Share(hard_.loss, all_.loss);
  result.hard_gradient_share = Share(hard_.gradient, all_.gradient);
  result.mean_true_probability = Share(all_.true_probability, static_cast<double>(all_.count));
  return result;
}

}  // namespace lossd::loss
