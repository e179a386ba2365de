#ifndef LOSSD_CLASS_WEIGHTS_H_
#define LOSSD_CLASS_WEIGHTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lossd/array_view.h"
#include "lossd/class_weighting.h"

namespace lossd {

// How labels or counts are turned into weights.
struct ClassWeightsOptions {
  // The number of classes. Unset: the largest label that counts + 1.
  std::optional<int64_t> class_count = std::nullopt;

  // The weights to compute; their `counts` stay empty. Empty: all six.
  std::vector<SchemeWeights> schemes = {};

  // Finite, ≥ 0, one for each label. A view: it must outlive the call. A label of weight 0 is not
  // read.
  OptionalReals sample_weights = {};

  // Integer labels of this value count nowhere.
  std::optional<int64_t> ignore_index = std::nullopt;
};

// The weights of one scheme, one value per class; 0 for a class without samples.
struct ClassWeights {
  WeightScheme scheme = WeightScheme::kBalanced;
  Normalization normalization = Normalization::kNone;
  std::vector<double> values;
  std::optional<double> beta;  // kEffectiveNumber's
};

struct ClassWeightsResult {
  std::vector<double> counts;             // one per class
  std::vector<double> frequencies;        // counts / their sum
  std::vector<ClassWeights> weights;      // in the order asked
  std::vector<int64_t> empty_classes;     // indices
  std::optional<double> imbalance_ratio;  // largest count / smallest above 0
  // α of balanced cross entropy: the share of the negatives. Set for two classes.
  std::optional<double> alpha;
};

}  // namespace lossd

#endif  // LOSSD_CLASS_WEIGHTS_H_
