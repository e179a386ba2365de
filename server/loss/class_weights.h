#ifndef LOSSD_SERVER_LOSS_CLASS_WEIGHTS_H_
#define LOSSD_SERVER_LOSS_CLASS_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace lossd::loss {

// How a class's weight follows from its count n; N is the sum of counts and C the number of classes
// that have samples. A class without samples always gets weight 0, so nothing is inf or NaN.
enum class WeightScheme {
  kBalanced,           // N / (C n): King & Zeng 2001; scikit-learn's "balanced"
  kInverseFrequency,   // N / n
  kInverseSquareRoot,  // sqrt(N / n)
  kEffectiveNumber,    // (1 - beta) / (1 - beta^n): Cui et al. 2019, arXiv:1901.05555
  kMedianFrequency,    // median(n) / n: Eigen & Fergus 2015, arXiv:1411.4734
  kLogFrequency,       // 1 / ln(1.02 + n / N): Paszke et al. 2016, arXiv:1606.02147
};

enum class Normalization {
  kOwn,          // the scheme's own: MEAN_ONE for EFFECTIVE_NUMBER, NONE for the others
  kNone,         // as the formula gives them
  kMeanOne,      // sum of weights = number of non-empty classes
  kSumOne,       // sum of weights = 1
  kExpectedOne,  // sum of weight * count = N
};

struct SchemeWeights {
  WeightScheme scheme = WeightScheme::kBalanced;
  double beta = 0.9999;        // EFFECTIVE_NUMBER only, [0, 1)
  std::vector<double> counts;  // [classes]; empty: the batch's own
  Normalization normalization = Normalization::kOwn;
};

// The normalization that `scheme` asks for when it asks for its own.
Normalization ResolveNormalization(const SchemeWeights& scheme);

// Weights [classes] for `counts` [classes] (finite, >= 0). The counts inside `scheme` are not read.
std::vector<double> ComputeClassWeights(absl::Span<const double> counts,
                                        const SchemeWeights& scheme);

// Indices of the classes whose count is 0, ascending.
std::vector<int64_t> EmptyClasses(absl::Span<const double> counts);

// max n / min n over the classes that have samples; 0 when there are none.
double ImbalanceRatio(absl::Span<const double> counts);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_CLASS_WEIGHTS_H_
