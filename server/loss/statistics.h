#ifndef LOSSD_SERVER_LOSS_STATISTICS_H_
#define LOSSD_SERVER_LOSS_STATISTICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// The classes that have an entry in each column.
enum class ClassColumns { kAll, kPresentOnly };

// Columns with one entry per class, or per class that has samples. A sample of soft targets belongs
// to its largest target's class, the first on ties. Shares of a zero total are 0. Sigmoid: see the
// fields of the response's message.
struct ClassStatistics {
  std::vector<int64_t> count;
  std::vector<double> frequency;
  std::vector<double> weight;
  std::vector<double> loss_sum;
  std::vector<double> loss_share;
  std::vector<double> gradient_share;
  std::vector<double> mean_true_probability;
  std::vector<int64_t> correct_count;
  std::vector<int64_t> predicted_count;
  std::vector<int64_t> empty_classes;  // kAll
  std::vector<int64_t> class_ids;      // kPresentOnly: the classes of the entries, ascending
};

inline constexpr int kDifficultyBins = 10;

// Returns the statistics of one class from those of {negative, positive}, which must be all that
// there are: its count, predictions and mean probability are those of the positives, its sums and
// correct answers those of both.
ClassStatistics MergeIntoOneClass(ClassStatistics statistics, ClassColumns columns);

// A histogram of p_t, the probability given to the truth. Bin i holds [i/10, (i+1)/10), and the
// last one 1 as well. A sample whose p_t is NaN is in no bin.
struct Difficulty {
  std::array<double, kDifficultyBins + 1> bin_edges = {};
  std::array<int64_t, kDifficultyBins> count = {};
  std::array<double, kDifficultyBins> loss_share = {};
  std::array<double, kDifficultyBins> gradient_share = {};
  double hard_threshold = 0.5;  // a sample with p_t below it is hard
  int64_t hard_count = 0;
  double hard_loss_share = 0;
  double hard_gradient_share = 0;
  double mean_true_probability = 0;
};

// The outcome of one valid sample, which the statistics add up.
struct SampleOutcome {
  int64_t class_id = 0;    // the entry of the statistics that it belongs to
  int64_t predicted = -1;  // -1: no class was predicted
  bool counted = true;     // adds to count and mean_true_probability
  bool correct = false;
  double loss = 0;  // sample weight times loss
  double true_probability = 0;
  double gradient_l1 = 0;
  bool vanishing = false;  // confidently wrong and learning nothing
};

// Adds samples up in the order that they are given in, so that sums do not depend on threads.
class StatisticsCollector {
 public:
  // Memory for the classes is taken at once, or as they come where at most `most_samples` are
  // added, few beside the classes.
  StatisticsCollector(int64_t class_count, int64_t most_samples, double hard_threshold);

  // What this takes at most, of which MakeClassStatistics makes as much again and more.
  static int64_t BytesOf(int64_t class_count, int64_t most_samples);

  void Add(const SampleOutcome& sample) {
    Tally& own = TallyOf(sample.class_id);
    own.count += sample.counted ? 1 : 0;
    own.correct += sample.correct ? 1 : 0;
    own.loss += sample.loss;
    own.gradient += sample.gradient_l1;
    own.true_probability += sample.counted ? sample.true_probability : 0;
    if (sample.predicted >= 0) ++TallyOf(sample.predicted).predicted;
    AddByDifficulty(sample, all_);
    const double p = sample.true_probability;
    if (p >= 0) AddByDifficulty(sample, bins_[FindBin(p)]);
    // Nobody foresees which samples are hard: those that are not add 0.
    const bool is_hard = p < hard_threshold_;
    hard_.count += is_hard ? 1 : 0;
    hard_.loss += is_hard ? sample.loss : 0;
    hard_.gradient += is_hard ? sample.gradient_l1 : 0;
  }

  // Returns the columns; weight(k) is that of class k.
  ClassStatistics MakeClassStatistics(ClassColumns columns,
                                      absl::FunctionRef<double(int64_t k)> weight,
                                      const Cancellation& cancellation) const;
  Difficulty MakeDifficulty() const;

 private:
  struct Tally {
    int64_t count = 0;
    int64_t correct = 0;
    int64_t predicted = 0;
    double loss = 0;
    double gradient = 0;
    double true_probability = 0;
  };

  static bool IsSparse(int64_t class_count, int64_t most_samples);
  static size_t FindBin(double true_probability) {
    const auto bin = static_cast<size_t>(true_probability * kDifficultyBins);
    return bin < kDifficultyBins ? bin : size_t{kDifficultyBins - 1};
  }
  static void AddByDifficulty(const SampleOutcome& sample, Tally& tally) {
    ++tally.count;
    tally.loss += sample.loss;
    tally.gradient += sample.gradient_l1;
    tally.true_probability += sample.true_probability;
  }

  Tally& TallyOf(int64_t k) { return is_sparse_ ? few_[k] : classes_[static_cast<size_t>(k)]; }
  // Returns the tally of a class, which may have none.
  Tally Find(int64_t k) const;
  // Calls f(k, tally) for each class that has a tally, in their order.
  template <typename F>
  void ForEachTally(const Cancellation& cancellation, F f) const;
  void AppendClass(int64_t k, const Tally& tally, double weight, int64_t total_count,
                   ClassStatistics& statistics) const;

  int64_t class_count_;
  bool is_sparse_;
  std::vector<Tally> classes_;    // of every class, unless is_sparse_
  std::map<int64_t, Tally> few_;  // of those that occur, if is_sparse_
  std::array<Tally, kDifficultyBins> bins_;
  Tally hard_;
  Tally all_;  // its count is the number of samples
  double hard_threshold_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_STATISTICS_H_
