#ifndef LOSSD_SERVER_LOSS_COMPUTE_H_
#define LOSSD_SERVER_LOSS_COMPUTE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/loss/batch.h"
#include "server/loss/class_counts.h"
#include "server/loss/float_view.h"
#include "server/loss/loss_spec.h"
#include "server/loss/statistics.h"
#include "server/threads/executor.h"

namespace lossd::loss {

enum class Reduction { kNone, kSum, kMean, kMeanValid };
enum class HessianMode { kExact, kPositive };

// What to compute beside the losses, and how the gradient is scaled.
struct ComputeOptions {
  Reduction reduction = Reduction::kNone;
  std::optional<double> normalizer;  // kMean and kMeanValid: replaces their divisor; finite, > 0
  HessianMode hessian_mode = HessianMode::kExact;
  double gradient_scale = 1;  // multiplies the gradient alone, before it is rounded
  bool class_statistics = false;
  bool difficulty = false;
  double hard_threshold = 0.5;
  std::vector<int32_t> top_k;            // softmax: one count per entry, each >= 1
  bool vanishing = false;                // count the confidently wrong that learn nothing
  std::function<bool()> cancelled = {};  // asked before each block of rows
};

// Memory for a matrix that need not be in one piece. Thread-safe.
class MatrixParts {
 public:
  virtual ~MatrixParts() = default;

  // For the rows [begin, end), in the order of an array, aligned to a cache line. Each row is asked
  // for once.
  virtual MutableFloatView Make(int64_t begin, int64_t end) = 0;
};

// Where the results go: arrays of the logits' element type, each empty when it is not wanted.
// Samples in `losses` and `log_sum_exp`; rows * classes elsewhere, laid out as the logits are.
struct Outputs {
  MutableFloatView losses;  // sample weight times loss
  MutableFloatView gradient;
  MutableFloatView hessian_diagonal;
  MutableFloatView probabilities;
  MutableFloatView log_sum_exp;  // softmax only
  // Instead of `gradient`, where Batch::inner is 1: parts are made when they are computed, so that
  // they can take the memory of logits that were released before.
  MatrixParts* gradient_parts = nullptr;
};

struct Result {
  double loss = 0;        // reduced
  double loss_sum = 0;    // sum of sample weight times loss
  double weight_sum = 0;  // kMean's divisor, whatever the reduction and the normalizer
  int64_t valid_count = 0;
  int64_t non_finite_count = 0;
  std::vector<double> class_weights;  // [classes], as applied; empty when there were none
  std::optional<ClassStatistics> class_statistics;
  std::optional<Difficulty> difficulty;
  std::vector<int64_t> top_k_correct;
  int64_t vanishing_count = 0;
};

// Computes one batch. The same row gives the same bits whatever the batch around it, its position
// and the number of threads; sums over samples run in double, in an order
// that the shape of the batch alone decides.
// What a batch's logit_reader has is released as it is read, so that such a batch is computed once.
// Errors: CANCELLED when `options.cancelled` said so; the outputs then hold nothing of use.
absl::StatusOr<Result> Compute(const Batch& batch, const LossSpec& spec,
                               const ComputeOptions& options, const Outputs& outputs,
                               const Executor& executor);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_COMPUTE_H_
