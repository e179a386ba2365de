#ifndef LOSSD_SERVER_LOSS_CLASS_WEIGHTS_H_
#define LOSSD_SERVER_LOSS_CLASS_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// The formula from a class's count n to its weight. N is the sum of counts and C the number of
// classes that have samples. A class without samples always gets weight 0, so nothing is inf or
// NaN.
enum class WeightScheme {
  kBalanced,           // N / (C n): King & Zeng 2001; scikit-learn's "balanced"
  kInverseFrequency,   // N / n
  kInverseSquareRoot,  // √(N / n)
  kEffectiveNumber,    // (1 - β) / (1 - βⁿ): Cui et al. 2019, arXiv:1901.05555
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

// Returns the normalization that `scheme` asks for, and its own where it asks for that.
Normalization ResolveNormalization(const SchemeWeights& scheme);

// Returns weights [classes] for `counts` [classes], which are finite and ≥ 0. The counts inside
// `scheme` are not read.
std::vector<double> ComputeClassWeights(absl::Span<const double> counts,
                                        const SchemeWeights& scheme,
                                        const Cancellation& cancellation = {});

// Returns the indices of the classes whose count is 0, ascending.
std::vector<int64_t> EmptyClasses(absl::Span<const double> counts);

// Returns max n / min n over the classes that have samples, or 0 when there are none.
double ImbalanceRatio(absl::Span<const double> counts);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_CLASS_WEIGHTS_H_
