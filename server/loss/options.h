#ifndef LOSSD_SERVER_LOSS_OPTIONS_H_
#define LOSSD_SERVER_LOSS_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/loss/presented_samples.h"
#include "server/loss/statistics.h"

namespace lossd::loss {

struct Work;

// kSequenceMean: the mean over sequences of the mean over their samples.
enum class Reduction { kNone, kSum, kMean, kMeanValid, kSequenceMean };
enum class HessianMode { kExact, kPositive };

// Says what to compute beside the outputs, and how the gradient is scaled.
struct ComputeOptions {
  Reduction reduction = Reduction::kNone;
  std::optional<double> normalizer;  // of a mean: replaces its divisor; finite, ≥ 0
  HessianMode hessian_mode = HessianMode::kExact;
  double gradient_scale = 1;  // multiplies the gradient alone, before it is rounded
  bool class_statistics = false;
  bool difficulty = false;
  ClassColumns class_columns = ClassColumns::kAll;
  double hard_threshold = 0.5;
  std::vector<int32_t> top_k;             // softmax: one count per entry, each ≥ 1
  bool policy_statistics = false;         // of losses that read a rollout
  bool vanishing = false;                 // count the confidently wrong that learn nothing
  PresentedSamples* presented = nullptr;  // filled, unless it is null
  std::function<bool()> cancelled = {};   // asked before each block of rows, and of other loops
  // Asked, where there is one, when it shows that more has to be done than what was foreseen. What
  // it refuses is not done: its error is the answer.
  std::function<absl::Status(const Work& more)> admit = {};
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_OPTIONS_H_
