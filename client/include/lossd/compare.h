#ifndef LOSSD_COMPARE_H_
#define LOSSD_COMPARE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/statistics.h"

namespace lossd {

// What acts on a comparison beside the losses. Arrays are views: they must outlive the call.
struct CompareOptions {
  Reduction reduction = Reduction::kNone;

  // Finite, ≥ 0, one for each sample.
  OptionalReals sample_weights = {};

  // Which axis of the logits the classes lie on: the last (unset) or 1.
  std::optional<int32_t> class_axis = std::nullopt;

  // p_t below it makes a sample hard, in (0, 1). Unset: 0.5.
  std::optional<double> hard_threshold = std::nullopt;

  bool class_statistics = true;
  bool difficulty = true;

  // Class statistics of the classes that occur alone, with their `class_ids`.
  bool present_classes_only = false;
};

// What one loss makes of the batch.
struct LossComparison {
  double loss = 0.0;           // reduced
  double loss_sum = 0.0;       // Σ s ℓ
  double gradient_norm = 0.0;  // L2 norm of ∂loss/∂logits

  // Samples that are confidently wrong and teach nothing: p_t < 0.01 and yet |∂ℓ/∂z_t| < 0.01.
  int64_t vanishing_count = 0;

  std::optional<ClassStatistics> class_statistics;
  std::optional<Difficulty> difficulty;
};

// One entry per loss, in the order asked.
struct CompareResult {
  std::vector<LossComparison> comparisons;
};

}  // namespace lossd

#endif  // LOSSD_COMPARE_H_
