#include "tests/oracle/statistics.h"

#include <algorithm>
#include <cmath>

namespace lossd::oracle {
namespace {

double Share(Real part, Real total) { return total == 0 ? 0.0 : static_cast<double>(part / total); }

}  // namespace

ClassColumns Tabulate(const std::vector<Sample>& samples, const std::vector<double>& weights,
                      size_t columns) {
  ClassColumns table;
  table.count.assign(columns, 0);
  table.correct_count.assign(columns, 0);
  table.predicted_count.assign(columns, 0);
  std::vector<Real> loss(columns, 0);
  std::vector<Real> gradient(columns, 0);
  std::vector<Real> probability(columns, 0);
  Real loss_total = 0;
  Real gradient_total = 0;
  Real count_total = 0;
  for (const Sample& sample : samples) {
    if (sample.counts) {
      ++table.count[sample.owner];
      ++count_total;
      probability[sample.owner] += sample.probability;
    }
    if (sample.is_correct) ++table.correct_count[sample.column];
    if (sample.has_prediction) ++table.predicted_count[sample.predicted];
    loss[sample.column] += sample.loss;
    gradient[sample.column] += sample.gradient;
    loss_total += sample.loss;
    gradient_total += sample.gradient;
  }
  for (size_t k = 0; k < columns; ++k) {
    const auto count = static_cast<Real>(table.count[k]);
    table.frequency.push_back(Share(count, count_total));
    table.weight.push_back(weights.empty() ? 1 : weights[k]);
    table.loss_sum.push_back(static_cast<double>(loss[k]));
    table.loss_share.push_back(Share(loss[k], loss_total));
    table.gradient_share.push_back(Share(gradient[k], gradient_total));
    table.mean_true_probability.push_back(Share(probability[k], count));
    if (table.count[k] == 0) table.empty_classes.push_back(static_cast<int64_t>(k));
  }
  return table;
}

Hardness Histogram(const std::vector<Sample>& samples, double threshold) {
  Hardness hardness;
  Real loss_total = 0;
  Real gradient_total = 0;
  Real probability_total = 0;
  std::array<Real, 10> loss = {};
  std::array<Real, 10> gradient = {};
  Real hard_loss = 0;
  Real hard_gradient = 0;
  for (const Sample& sample : samples) {
    const size_t bin =
        std::min<size_t>(9, static_cast<size_t>(std::floor(sample.probability * 10)));
    ++hardness.count[bin];
    loss[bin] += sample.loss;
    gradient[bin] += sample.gradient;
    if (sample.probability < threshold) {
      ++hardness.hard_count;
      hard_loss += sample.loss;
      hard_gradient += sample.gradient;
    }
    loss_total += sample.loss;
    gradient_total += sample.gradient;
    probability_total += sample.probability;
  }
  for (size_t bin = 0; bin < 10; ++bin) {
    hardness.loss_share[bin] = Share(loss[bin], loss_total);
    hardness.gradient_share[bin] = Share(gradient[bin], gradient_total);
  }
  hardness.hard_loss_share = Share(hard_loss, loss_total);
  hardness.hard_gradient_share = Share(hard_gradient, gradient_total);
  hardness.mean_true_probability = Share(probability_total, static_cast<Real>(samples.size()));
  return hardness;
}

}  // namespace lossd::oracle
