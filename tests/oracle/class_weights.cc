#include "tests/oracle/class_weights.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace lossd::oracle {
namespace {

long double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  if (values.size() % 2 == 1) return values[half];
  return (static_cast<long double>(values[half - 1]) + values[half]) / 2;
}

}  // namespace

std::vector<double> SchemeClassWeights(const std::vector<double>& counts, const Scheme& scheme) {
  std::vector<double> present;
  long double total = 0;
  for (const double n : counts) {
    if (n > 0) present.push_back(n);
    total += n;
  }
  if (present.empty()) return std::vector<double>(counts.size(), 0.0);
  const auto classes = static_cast<long double>(present.size());

  std::vector<long double> weights;
  for (const double count : counts) {
    const long double n = count;
    long double w = 0;
    if (n > 0) {
      switch (scheme.name) {
        case SchemeName::kBalanced:
          w = total / (classes * n);
          break;
        case SchemeName::kInverseFrequency:
          w = total / n;
          break;
        case SchemeName::kInverseSquareRoot:
          w = std::sqrt(total / n);
          break;
        case SchemeName::kEffectiveNumber: {
          const long double beta = scheme.beta;
          w = beta == 0 ? 1 : (1 - beta) / -std::expm1(n * std::log(beta));
          break;
        }
        case SchemeName::kMedianFrequency:
          w = Median(present) / n;
          break;
        case SchemeName::kLogFrequency:
          w = 1 / std::log(1.02L + n / total);
          break;
      }
    }
    weights.push_back(w);
  }

  SchemeNormalization normalization = scheme.normalization;
  if (normalization == SchemeNormalization::kOwn) {
    normalization = scheme.name == SchemeName::kEffectiveNumber ? SchemeNormalization::kMeanOne
                                                                : SchemeNormalization::kNone;
  }
  long double sum = 0;
  long double expected = 0;
  for (size_t k = 0; k < counts.size(); ++k) {
    sum += weights[k];
    expected += weights[k] * counts[k];
  }
  long double factor = 1;
  if (normalization == SchemeNormalization::kMeanOne) factor = classes / sum;
  if (normalization == SchemeNormalization::kSumOne) factor = 1 / sum;
  if (normalization == SchemeNormalization::kExpectedOne) factor = total / expected;

  std::vector<double> result;
  for (const long double w : weights) result.push_back(static_cast<double>(w * factor));
  return result;
}

}  // namespace lossd::oracle
