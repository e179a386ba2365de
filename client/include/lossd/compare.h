#ifndef LOSSD_COMPARE_H_
#define LOSSD_COMPARE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/rollout.h"
#include "lossd/statistics.h"

namespace lossd {

// Everything that acts on a comparison beside the losses. Arrays are views: they must outlive the
// call.
struct CompareOptions {
  Reduction reduction = Reduction::kNone;

  // Finite, ≥ 0, one for each sample.
  OptionalReals sample_weights = {};

  // The axis of the logits that the classes lie on: the last (unset) or 1.
  std::optional<int32_t> class_axis = std::nullopt;

  // For policy losses, and where sequences are read. Each loss reads what it needs.
  Rollout rollout = {};
  SequenceLengths sequence_lengths = std::nullopt;

  // In (0, 1): a sample with p_t below it is hard. Unset: 0.5.
  std::optional<double> hard_threshold = std::nullopt;

  bool class_statistics = true;
  bool difficulty = true;

  // Limits class statistics to the classes that occur, named by `class_ids`.
  bool present_classes_only = false;

  // As in ComputeOptions; each loss takes its own temperature of them.
  OptionalReals teacher_logits = {};
};

// The result of one loss for the batch.
struct LossComparison {
  double loss = 0.0;           // reduced
  double loss_sum = 0.0;       // Σ s ℓ
  double gradient_norm = 0.0;  // L2 norm of ∂loss/∂logits

  // Samples that are confidently wrong and yet have hardly a gradient: p_t < 0.01, |∂ℓ/∂z_t| <
  // 0.01.
  int64_t vanishing_count = 0;

  std::optional<ClassStatistics> class_statistics;
  std::optional<Difficulty> difficulty;
  // Set where the rollout has old or reference log-probabilities.
  std::optional<PolicyStatistics> policy_statistics;
};

// One entry per loss, in the order asked.
struct CompareResult {
  std::vector<LossComparison> comparisons;
};

}  // namespace lossd

#endif  // LOSSD_COMPARE_H_
