#include "server/loss/class_weights.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <iterator>

namespace lossd::loss {
namespace {

std::vector<double> NonEmpty(absl::Span<const double> counts) {
  std::vector<double> present;
  std::copy_if(counts.begin(), counts.end(), std::back_inserter(present),
               [](double n) { return n > 0; });
  return present;
}

// Returns the median, the mean of the middle two when their number is even. `values` is not empty.
double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

// Returns (1 − β) / (1 − βⁿ), without cancelling for β close to 1.
double EffectiveNumberWeight(double beta, double n) {
  if (beta == 0) return 1;
  return (1 - beta) / -std::expm1(n * std::log(beta));
}

struct Totals {
  double count;    // N
  double classes;  // those that have samples
  double median;
};

double RawWeight(const SchemeWeights& scheme, double n, const Totals& totals) {
  switch (scheme.scheme) {
    case WeightScheme::kBalanced:
      return totals.count / (totals.classes * n);
    case WeightScheme::kInverseFrequency:
      return totals.count / n;
    case WeightScheme::kInverseSquareRoot:
      return std::sqrt(totals.count / n);
    case WeightScheme::kEffectiveNumber:
      return EffectiveNumberWeight(scheme.beta, n);
    case WeightScheme::kMedianFrequency:
      return totals.median / n;
    case WeightScheme::kLogFrequency:
      return 1 / std::log(1.02 + n / totals.count);
  }
  assert(false && "unknown weight scheme");
  return 0;
}

double NormalizingFactor(Normalization normalization, absl::Span<const double> weights,
                         absl::Span<const double> counts, const Totals& totals) {
  double sum = 0;
  double expected = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    expected += weights[i] * counts[i];
  }
  switch (normalization) {
    case Normalization::kMeanOne:
      return totals.classes / sum;
    case Normalization::kSumOne:
      return 1 / sum;
    case Normalization::kExpectedOne:
      return totals.count / expected;
    case Normalization::kOwn:
    case Normalization::kNone:
      break;
  }
  return 1;
}

}  // namespace

Normalization ResolveNormalization(const SchemeWeights& scheme) {
  if (scheme.normalization != Normalization::kOwn) return scheme.normalization;
  return scheme.scheme == WeightScheme::kEffectiveNumber ? Normalization::kMeanOne
                                                         : Normalization::kNone;
}

std::vector<double> ComputeClassWeights(absl::Span<const double> counts,
                                        const SchemeWeights& scheme) {
  std::vector<double> weights(counts.size(), 0.0);
  const std::vector<double> present = NonEmpty(counts);
  if (present.empty()) return weights;
  Totals totals = {0, static_cast<double>(present.size()), Median(present)};
  for (const double n : present) totals.count += n;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) weights[i] = RawWeight(scheme, counts[i], totals);
  }
  const double factor = NormalizingFactor(ResolveNormalization(scheme), weights, counts, totals);
  for (double& weight : weights) weight *= factor;
  return weights;
}

std::vector<int64_t> EmptyClasses(absl::Span<const double> counts) {
  std::vector<int64_t> empty;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (!(counts[i] > 0)) empty.push_back(static_cast<int64_t>(i));
  }
  return empty;
}

double ImbalanceRatio(absl::Span<const double> counts) {
  const std::vector<double> present = NonEmpty(counts);
  if (present.empty()) return 0;
  const auto [least, most] = std::minmax_element(present.begin(), present.end());
  return *most / *least;
}

}  // namespace lossd::loss
