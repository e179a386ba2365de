#ifndef LOSSD_SERVER_LOSS_TOKENS_TOKEN_BLOCK_H_
#define LOSSD_SERVER_LOSS_TOKENS_TOKEN_BLOCK_H_

#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/cut_memory.h"
#include "server/loss/blocks/thread_scratch.h"

namespace lossd::loss {

// The loss as a function of u = ln p_t, sample by sample, in double: what it is, and its
// derivatives by u, before sample weights and the reduction. Ignored samples are read as u = 0.
class TokenBlock {
 public:
  // So many samples that their columns stay in the L1 cache; a multiple of kernels::kLanes.
  static constexpr int64_t kMostSamples = 256;

  TokenBlock(const BatchPlan& plan, bool wants_curvature);

  // Evaluates samples [begin, begin + size) of the batch, whose log-probabilities are `u`.
  template <typename T>
  void Evaluate(int64_t begin, int64_t size, const T* u);

  // Columns of the samples that were evaluated last.
  const double* log_p() const { return log_p_; }
  const double* value() const { return value_; }
  const double* slope() const { return slope_; }
  const double* curvature() const { return curvature_; }  // where it is wanted
  // The factors of the samples, 0 for ignored ones.
  const double* loss_scale() const { return loss_scale_; }
  const double* gradient_scale() const { return gradient_scale_; }
  const double* hessian_scale() const { return hessian_scale_; }

 private:
  struct TokenColumns {};

  void LoadScales(int64_t begin, int64_t size);

  const BatchPlan& plan_;
  const bool wants_curvature_;
  ThreadScratch<double, TokenColumns> memory_{8 * kMostSamples};
  double* const log_p_;
  double* const value_ = log_p_ + kMostSamples;
  double* const slope_ = value_ + kMostSamples;
  double* const curvature_ = slope_ + kMostSamples;
  double* const loss_scale_ = curvature_ + kMostSamples;
  double* const gradient_scale_ = loss_scale_ + kMostSamples;
  double* const hessian_scale_ = gradient_scale_ + kMostSamples;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_TOKEN_BLOCK_H_
