#include "client/src/chunks/statistics_merging.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace lossd::client {
namespace {

// Returns the share of a part, 0 when the total is 0.
double Share(double part, double total) { return total == 0.0 ? 0.0 : part / total; }

// Returns the part that has this share. A share of 0 is 0 even when the total is not finite.
double Part(double share, double total) { return share == 0.0 ? 0.0 : share * total; }

absl::Status DifferentSizes(absl::string_view field) {
  return absl::InternalError(
      absl::StrCat("the server's ", field, " of one chunk has other columns than another's"));
}

template <typename... Columns>
bool AllHaveSize(size_t size, const Columns&... columns) {
  return ((columns.size() == size) && ...);
}

}  // namespace

absl::Status ClassStatisticsMerger::Add(const ClassStatistics& chunk, const ChunkTotals& totals) {
  if (classes_.empty()) {
    classes_.resize(chunk.count.size());
    weight_ = chunk.weight;
  }
  if (!AllHaveSize(classes_.size(), chunk.count, chunk.weight, chunk.loss_sum, chunk.gradient_share,
                   chunk.mean_true_probability, chunk.correct_count, chunk.predicted_count)) {
    return DifferentSizes("class_statistics");
  }
  for (size_t k = 0; k < classes_.size(); ++k) {
    Sums& sums = classes_[k];
    sums.count += chunk.count[k];
    sums.correct += chunk.correct_count[k];
    sums.predicted += chunk.predicted_count[k];
    sums.loss += chunk.loss_sum[k];
    sums.gradient += Part(chunk.gradient_share[k], totals.gradient_l1);
    sums.true_probability += chunk.mean_true_probability[k] * static_cast<double>(chunk.count[k]);
  }
  return absl::OkStatus();
}

ClassStatistics ClassStatisticsMerger::Merge() const {
  Sums all;
  for (const Sums& sums : classes_) {
    all.count += sums.count;
    all.loss += sums.loss;
    all.gradient += sums.gradient;
  }
  ClassStatistics merged;
  merged.weight = weight_;
  for (size_t k = 0; k < classes_.size(); ++k) {
    const Sums& sums = classes_[k];
    const auto count = static_cast<double>(sums.count);
    merged.count.push_back(sums.count);
    merged.frequency.push_back(Share(count, static_cast<double>(all.count)));
    merged.loss_sum.push_back(sums.loss);
    merged.loss_share.push_back(Share(sums.loss, all.loss));
    merged.gradient_share.push_back(Share(sums.gradient, all.gradient));
    merged.mean_true_probability.push_back(Share(sums.true_probability, count));
    merged.correct_count.push_back(sums.correct);
    merged.predicted_count.push_back(sums.predicted);
    if (sums.count == 0) merged.empty_classes.push_back(static_cast<int64_t>(k));
  }
  return merged;
}

ClassStatistics PresentClassesOnly(const ClassStatistics& statistics) {
  ClassStatistics present;
  for (size_t k = 0; k < statistics.count.size(); ++k) {
    if (statistics.count[k] == 0) continue;
    present.count.push_back(statistics.count[k]);
    present.frequency.push_back(statistics.frequency[k]);
    present.weight.push_back(statistics.weight[k]);
    present.loss_sum.push_back(statistics.loss_sum[k]);
    present.loss_share.push_back(statistics.loss_share[k]);
    present.gradient_share.push_back(statistics.gradient_share[k]);
    present.mean_true_probability.push_back(statistics.mean_true_probability[k]);
    present.correct_count.push_back(statistics.correct_count[k]);
    present.predicted_count.push_back(statistics.predicted_count[k]);
    present.class_ids.push_back(static_cast<int64_t>(k));
  }
  return present;
}

absl::Status DifficultyMerger::Add(const Difficulty& chunk, const ChunkTotals& totals) {
  if (bins_.empty()) {
    bins_.resize(chunk.count.size());
    bin_edges_ = chunk.bin_edges;
    hard_threshold_ = chunk.hard_threshold;
  }
  if (!AllHaveSize(bins_.size(), chunk.count, chunk.loss_share, chunk.gradient_share)) {
    return DifferentSizes("difficulty");
  }
  const auto add = [&totals](int64_t count, double loss_share, double gradient_share, Sums& sums) {
    sums.count += count;
    sums.loss += Part(loss_share, totals.loss_sum);
    sums.gradient += Part(gradient_share, totals.gradient_l1);
  };
  for (size_t i = 0; i < bins_.size(); ++i) {
    add(chunk.count[i], chunk.loss_share[i], chunk.gradient_share[i], bins_[i]);
  }
  add(chunk.hard_count, chunk.hard_loss_share, chunk.hard_gradient_share, hard_);
  all_.count += totals.valid_count;
  all_.loss += totals.loss_sum;
  all_.gradient += totals.gradient_l1;
  true_probability_ += chunk.mean_true_probability * static_cast<double>(totals.valid_count);
  return absl::OkStatus();
}

Difficulty DifficultyMerger::Merge() const {
  Difficulty merged;
  merged.bin_edges = bin_edges_;
  for (const Sums& bin : bins_) {
    merged.count.push_back(bin.count);
    merged.loss_share.push_back(Share(bin.loss, all_.loss));
    merged.gradient_share.push_back(Share(bin.gradient, all_.gradient));
  }
  merged.hard_threshold = hard_threshold_;
  merged.hard_count = hard_.count;
  merged.hard_loss_share = Share(hard_.loss, all_.loss);
  merged.hard_gradient_share = Share(hard_.gradient, all_.gradient);
  merged.mean_true_probability = Share(true_probability_, static_cast<double>(all_.count));
  return merged;
}

}  // namespace lossd::client
