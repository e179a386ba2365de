#ifndef LOSSD_TESTS_ORACLE_CLASS_WEIGHTS_H_
#define LOSSD_TESTS_ORACLE_CLASS_WEIGHTS_H_

#include <vector>

namespace lossd::oracle {

enum class SchemeName {
  kBalanced,
  kInverseFrequency,
  kInverseSquareRoot,
  kEffectiveNumber,
  kMedianFrequency,
  kLogFrequency,
};

enum class SchemeNormalization { kOwn, kNone, kMeanOne, kSumOne, kExpectedOne };

struct Scheme {
  SchemeName name = SchemeName::kBalanced;
  double beta = 0.9999;  // kEffectiveNumber
  SchemeNormalization normalization = SchemeNormalization::kOwn;
};

// One weight per class; 0 for a class without samples, which no formula then counts.
std::vector<double> SchemeClassWeights(const std::vector<double>& counts, const Scheme& scheme);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_CLASS_WEIGHTS_H_
