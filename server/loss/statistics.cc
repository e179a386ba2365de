#include "server/loss/statistics.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace lossd::loss {
namespace {

// A class is so many numbers of work in a loop over columns.
constexpr int64_t kNumbersOfClass = 16;

double Share(double part, double total) { return total == 0 ? 0 : part / total; }

template <typename T>
void KeepPositive(std::vector<T>& column) {
  column.erase(column.begin());
}

template <typename T>
void KeepSum(std::vector<T>& column) {
  column = {column[0] + column[1]};
}

void Reserve(int64_t classes, ClassStatistics& statistics) {
  const auto size = static_cast<size_t>(classes);
  for (auto* column : {&statistics.count, &statistics.correct_count, &statistics.predicted_count}) {
    column->reserve(size);
  }
  for (auto* column :
       {&statistics.frequency, &statistics.weight, &statistics.loss_sum, &statistics.loss_share,
        &statistics.gradient_share, &statistics.mean_true_probability}) {
    column->reserve(size);
  }
}

}  // namespace

ClassStatistics MergeIntoOneClass(ClassStatistics statistics, ClassColumns columns) {
  const bool is_empty = statistics.count[1] == 0;
  if (columns == ClassColumns::kPresentOnly && is_empty) return {};
  KeepPositive(statistics.count);
  KeepPositive(statistics.weight);
  KeepPositive(statistics.mean_true_probability);
  KeepPositive(statistics.predicted_count);
  KeepSum(statistics.loss_sum);
  KeepSum(statistics.loss_share);
  KeepSum(statistics.gradient_share);
  KeepSum(statistics.correct_count);
  statistics.frequency = {is_empty ? 0.0 : 1.0};
  statistics.empty_classes.clear();
  if (is_empty) statistics.empty_classes.push_back(0);
  if (columns == ClassColumns::kPresentOnly) statistics.class_ids.push_back(0);
  return statistics;
}

StatisticsCollector::StatisticsCollector(int64_t class_count, int64_t most_samples,
                                         double hard_threshold)
    : class_count_(class_count),
      is_sparse_(IsSparse(class_count, most_samples)),
      bins_(),
      hard_threshold_(hard_threshold) {
  if (!is_sparse_) classes_.resize(static_cast<size_t>(class_count));
}

bool StatisticsCollector::IsSparse(int64_t class_count, int64_t most_samples) {
  // A sample is of one class and predicts another. An entry of a map takes several times the memory
  // of one of an array, and more time.
  constexpr int64_t kClassesPerSample = 16;
  return class_count / kClassesPerSample > most_samples;
}

int64_t StatisticsCollector::BytesOf(int64_t class_count, int64_t most_samples) {
  constexpr int64_t kMapEntry = sizeof(Tally) + 64;
  return IsSparse(class_count, most_samples) ? 2 * most_samples * kMapEntry
                                             : class_count * static_cast<int64_t>(sizeof(Tally));
}

template <typename F>
void StatisticsCollector::ForEachTally(const Cancellation& cancellation, F f) const {
  for (const auto& [k, tally] : few_) f(k, tally);
  ForEachBlock(static_cast<int64_t>(classes_.size()), kNumbersOfClass, cancellation,
               [&](int64_t begin, int64_t end) {
                 for (int64_t k = begin; k < end; ++k) f(k, classes_[static_cast<size_t>(k)]);
               });
}

ClassStatistics StatisticsCollector::MakeClassStatistics(
    ClassColumns columns, absl::FunctionRef<double(int64_t k)> weight,
    const Cancellation& cancellation) const {
  int64_t total_count = 0;
  int64_t present = 0;
  ForEachTally(cancellation, [&](int64_t, const Tally& tally) {
    total_count += tally.count;
    present += tally.count > 0 ? 1 : 0;
  });
  const bool all = columns == ClassColumns::kAll;
  ClassStatistics result;
  Reserve(all ? class_count_ : present, result);
  const auto append = [&](int64_t k, const Tally& tally) {
    AppendClass(k, tally, weight(k), total_count, result);
  };
  if (all) {
    result.empty_classes.reserve(static_cast<size_t>(class_count_ - present));
    ForEachBlock(class_count_, kNumbersOfClass, cancellation, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) append(k, Find(k));
    });
    return result;
  }
  result.class_ids.reserve(static_cast<size_t>(present));
  ForEachTally(cancellation, [&](int64_t k, const Tally& tally) {
    if (tally.count == 0) return;
    append(k, tally);
    result.class_ids.push_back(k);
  });
  return result;
}

StatisticsCollector::Tally StatisticsCollector::Find(int64_t k) const {
  if (!is_sparse_) return classes_[static_cast<size_t>(k)];
  const auto tally = few_.find(k);
  return tally == few_.end() ? Tally() : tally->second;
}

void StatisticsCollector::AppendClass(int64_t k, const Tally& tally, double weight,
                                      int64_t total_count, ClassStatistics& statistics) const {
  statistics.count.push_back(tally.count);
  statistics.frequency.push_back(
      Share(static_cast<double>(tally.count), static_cast<double>(total_count)));
  statistics.weight.push_back(weight);
  statistics.loss_sum.push_back(tally.loss);
  statistics.loss_share.push_back(Share(tally.loss, all_.loss));
  statistics.gradient_share.push_back(Share(tally.gradient, all_.gradient));
  statistics.mean_true_probability.push_back(
      Share(tally.true_probability, static_cast<double>(tally.count)));
  statistics.correct_count.push_back(tally.correct);
  statistics.predicted_count.push_back(tally.predicted);
  if (tally.count == 0) statistics.empty_classes.push_back(k);
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
