#include "server/rpc/decode/one_class.h"

#include <vector>

#include "server/loss/class_counts.h"
#include "server/loss/class_weights.h"

namespace lossd::rpc {
namespace {

template <class T>
void KeepPositive(std::vector<T>& column) {
  column.erase(column.begin());
}

template <class T>
void KeepSum(std::vector<T>& column) {
  column = {column[0] + column[1]};
}

void MergeStatistics(loss::ClassStatistics& statistics) {
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
}

}  // namespace

bool IsOneClass(const LogitsLayout& layout, loss::Activation activation) {
  return activation == loss::Activation::kSigmoid && layout.class_axis && layout.classes == 1;
}

void ExpandClassWeighting(const loss::Batch& batch, loss::LossSpec& spec) {
  loss::ClassWeighting& weighting = spec.class_weighting;
  if (weighting.scheme) {
    std::vector<double> counts = weighting.scheme->counts;
    if (counts.empty()) {
      counts = loss::CountClasses(batch, spec.activation, spec.ignore_index);
      KeepPositive(counts);
    }
    weighting.weights = loss::ComputeClassWeights(counts, *weighting.scheme);
    weighting.scheme.reset();
  }
  if (!weighting.weights.empty()) weighting.weights.push_back(weighting.weights.front());
}

void MergeClasses(loss::Result& result) {
  if (!result.class_weights.empty()) KeepPositive(result.class_weights);
  if (result.class_statistics) MergeStatistics(*result.class_statistics);
}

}  // namespace lossd::rpc
