#ifndef LOSSD_COMPUTE_H_
#define LOSSD_COMPUTE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lossd/array_view.h"
#include "lossd/loss_spec.h"
#include "lossd/recording.h"
#include "lossd/result_memory.h"
#include "lossd/rollout.h"
#include "lossd/statistics.h"
#include "xtensor/xarray.hpp"

namespace lossd {

// How the samples' losses are reduced. `loss`, `gradient` and `hessian_diagonal` refer to the
// result.
enum class Reduction {
  kNone,       // one loss per sample; `loss` is their sum
  kSum,        // Σ s ℓ, s the sample weight
  kMean,       // that over Σ s v_t (softmax with integer labels, as PyTorch) or over Σ s (else)
  kMeanValid,  // that over the number of valid samples

  // The mean over sequences of the mean over their samples: Σ_i (Σ_t s ℓ / Σ_t s) / S, with S the
  // number of sequences i that have Σ_t s > 0.
  kSequenceMean,
};

enum class HessianMode {
  kExact,
  kPositive,  // never below 1e-16, for tree boosters: focal loss is not convex
};

// The outputs beside the scalars. Each array costs its size on the wire.
struct OutputOptions {
  bool losses = true;
  bool gradient = false;          // ∂/∂logits
  bool hessian_diagonal = false;  // ∂²/∂logits², the diagonal
  bool probabilities = false;
  bool class_statistics = false;
  bool difficulty = false;
  bool log_sum_exp = false;  // softmax only
  bool margin = false;       // z_t − max z_j over j ≠ t; sigmoid: z if t ≥ ½, else −z
  bool policy_statistics = false;  // beside old or reference log-probabilities
  bool class_weights = true;
  bool applied = false;  // the loss and the reduction that the server computed

  HessianMode hessian_mode = HessianMode::kExact;
  // Each ≥ 1. Counts the samples whose class is among the k largest logits.
  std::vector<int32_t> top_k = {};

  // In (0, 1). Unset: 0.5.
  std::optional<double> hard_threshold = std::nullopt;

  // Finite; multiplies the gradient only.
  double gradient_scale = 1.0;

  // Limits class statistics to the classes that occur, named by `class_ids`.
  bool present_classes_only = false;
};

// Everything that acts on a batch beside the loss itself. Arrays are views: they must outlive the
// call.
struct ComputeOptions {
  Reduction reduction = Reduction::kNone;
  OutputOptions outputs = {};

  // s: finite, ≥ 0, of the losses' shape, or [N], one for each row. A sample of weight 0 is
  // ignored: nothing of it is read, its outputs are 0, and it counts nowhere.
  OptionalReals sample_weights = {};

  // With kNone only: ∂final/∂loss of each sample, of the losses' shape or [N]; scales the gradient
  // and the Hessian.
  OptionalReals upstream_gradient = {};

  // With a mean only, ≥ 0: replaces its divisor, so that the parts of a batch add up to the whole.
  // 0: no part of the batch has a sample that counts; everything is 0.
  std::optional<double> normalizer = std::nullopt;

  // The axis of the logits that the classes lie on: the last (unset) or 1.
  std::optional<int32_t> class_axis = std::nullopt;

  // The training run that the batch is recorded in. Unset: none.
  std::optional<Recording> recording = std::nullopt;
  // For policy losses, and where sequences are read.
  Rollout rollout = {};
  SequenceLengths sequence_lengths = std::nullopt;

  // Memory for arrays of the answer. Arrays without memory come in the Result.
  ResultMemory memory = {};

  // A teacher's logits, in place of labels (kNoLabels): of the logits' shape, below +inf and not
  // all −inf for any sample that has weight. The targets are their softmax; see LossSpec::teacher.
  OptionalReals teacher_logits = {};
};

// The loss and the reduction that a batch was computed with, as the server understood them: each
// field has its value, whether it was sent or the server's default. Vectors have their length, and
// NaN for each element, which the server does not send back.
struct AppliedLoss {
  LossSpec loss = {};
  Reduction reduction = Reduction::kNone;
};

// The losses of one batch. Arrays that were not asked for are unset; those that were are always
// there, or in the memory that was given for them.
template <typename T>
struct Result {
  std::optional<xt::xarray<T>> losses;    // s ℓ; softmax: logits' shape without the class axis
  std::optional<xt::xarray<T>> gradient;  // logits' shape
  std::optional<xt::xarray<T>> hessian_diagonal;  // logits' shape
  std::optional<xt::xarray<T>> probabilities;     // logits' shape
  std::optional<xt::xarray<T>> log_sum_exp;       // losses' shape
  std::optional<xt::xarray<T>> margin;            // losses' shape

  double loss = 0.0;             // the reduced loss; with kNone the sum
  double loss_sum = 0.0;         // Σ s ℓ
  double weight_sum = 0.0;       // kMean's divisor, before `normalizer`
  int64_t valid_count = 0;       // samples not ignored
  int64_t non_finite_count = 0;  // samples whose loss is NaN or infinite

  std::optional<ClassStatistics> class_statistics;
  std::optional<Difficulty> difficulty;
  std::optional<PolicyStatistics> policy_statistics;
  std::optional<int64_t> sequence_count;  // S of kSequenceMean; set where sequences were read
  std::vector<double> class_weights;      // those applied, one per class; empty when none were
  std::vector<int64_t> top_k_correct;     // one per `top_k`
  std::optional<AppliedLoss> applied;
};

}  // namespace lossd

#endif  // LOSSD_COMPUTE_H_
