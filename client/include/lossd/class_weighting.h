#ifndef LOSSD_CLASS_WEIGHTING_H_
#define LOSSD_CLASS_WEIGHTING_H_

#include <optional>
#include <variant>
#include <vector>

namespace lossd {

// How the weight w of a class follows from its count n of the N samples. C is the number of classes
// that have samples; one that has none gets weight 0.
enum class WeightScheme {
  kBalanced,           // N / (C n), scikit-learn's "balanced"
  kInverseFrequency,   // N / n
  kInverseSquareRoot,  // √(N / n)
  kEffectiveNumber,    // (1 − β) / (1 − βⁿ), Cui et al. 2019
  kMedianFrequency,    // median(n) / n, Eigen and Fergus 2015
  kLogFrequency,       // 1 / ln(1.02 + n / N), Paszke et al. 2016
};

// How the weights of a scheme are scaled.
enum class Normalization {
  kSchemeDefault,  // kMeanOne for kEffectiveNumber, kNone for the others
  kNone,
  kMeanOne,      // Σ w = C
  kSumOne,       // Σ w = 1
  kExpectedOne,  // Σ w n = N
};

// Weights that follow from how often each class occurs.
struct SchemeWeights {
  WeightScheme scheme = WeightScheme::kBalanced;

  // β of kEffectiveNumber, in [0, 1). Unset: 0.9999. Setting it for another scheme is an error.
  std::optional<double> beta = std::nullopt;

  // n, one finite count ≥ 0 per class. Empty: the counts of the batch at hand. In training, give
  // those of the whole training set (Client::ComputeClassWeights finds them): a batch may hold none
  // of a rare class, and its weights would change from batch to batch.
  std::vector<double> counts = {};

  Normalization normalization = Normalization::kSchemeDefault;
};

// How much each class counts. All that is given multiplies. Every number is finite and ≥ 0.
//
//   lossd::LossSpec loss;
//   loss.class_weighting.source = lossd::SchemeWeights{lossd::WeightScheme::kBalanced};
struct ClassWeighting {
  // v: none, one weight per class, or a scheme that finds them. For sigmoid over logits [N] there
  // are two classes: 0 negative, 1 positive.
  std::variant<std::monostate, std::vector<double>, SchemeWeights> source = {};

  // α, sigmoid only, in [0, 1]: multiplies positives by α and negatives by 1 − α.
  std::optional<double> alpha = std::nullopt;

  // w⁺, sigmoid only: multiplies positives, one entry per class or one for all. Empty: none.
  std::vector<double> positive_weights = {};
};

}  // namespace lossd

#endif  // LOSSD_CLASS_WEIGHTING_H_
