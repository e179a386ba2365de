#ifndef LOSSD_SERVER_LOSS_TOKENS_TOKEN_BLOCK_H_
#define LOSSD_SERVER_LOSS_TOKENS_TOKEN_BLOCK_H_

#include <cstdint>

#include "server/kernels/policy_sums.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/thread_scratch.h"
#include "server/loss/rollout.h"

namespace lossd::loss {

// The loss as a function of u = ln p_t, sample by sample, in double: what it is, and its
// derivatives by u, before sample weights and the reduction. Of ignored samples nothing is read.
class TokenBlock {
 public:
  // So many samples that their columns stay in the L1 cache; a multiple of kernels::kLanes.
  static constexpr int64_t kMostSamples = 256;

  // `sums` is what the policy's statistics are added to, or null.
  TokenBlock(const BatchPlan& plan, bool wants_curvature, kernels::PolicySums* sums);

  // Evaluates samples [begin, begin + size) of the batch, whose log-probabilities are `u`: those
  // for which `only`, unless it is null, is not 0. The others count as ignored.
  template <typename T>
  void Evaluate(int64_t begin, int64_t size, const T* u, const float* only = nullptr);

  // Columns of the samples that were evaluated last.
  const double* log_p() const { return columns_.log_p; }
  const double* value() const { return columns_.value; }
  const double* slope() const { return columns_.slope; }
  const double* curvature() const { return columns_.curvature; }  // where it is wanted
  // The factors of the samples, the class's weight among them; 0 for ignored ones.
  const double* loss_scale() const { return columns_.loss_scale; }
  const double* gradient_scale() const { return columns_.gradient_scale; }
  const double* hessian_scale() const { return columns_.hessian_scale; }

 private:
  struct TokenColumns {};

  struct Columns {
    explicit Columns(double* memory);

    double* const log_p;
    double* const old_log_p;
    double* const reference;
    double* const sampler;
    double* const advantage;
    double* const log_ratio;
    double* const log_weight;
    double* const ratio;
    double* const moves;
    double* const used;
    double* const value;
    double* const slope;
    double* const curvature;
    double* const loss_scale;
    double* const gradient_scale;
    double* const hessian_scale;
  };

  template <typename T>
  void LoadColumn(const T* from, double* to);
  void Load(const Column& from, double* to);
  void LoadAdvantages();
  void LoadRatios();
  // Writes from[i] − subtracted[i], or where `of_sequences` has them those.
  void LoadDifferences(const double* from, const double* subtracted,
                       absl::Span<const double> of_sequences, double* to);
  void WeighAdvantages();
  void EvaluateForm();
  void AddKl();
  // Returns true when the penalty makes what the statistics say of the reference.
  bool CountsReferenceInKl() const;
  void AddStatistics();
  void ClearUnused(double* column) const;
  void FindUsed(const float* only);
  void FindKept();
  void LoadScales();
  void WeighByClass();
  double ClassWeight(int64_t sample) const;

  const BatchPlan& plan_;
  const Rollout& rollout_;
  const bool wants_curvature_;
  bool ignores_;               // some samples
  const bool has_advantages_;  // or what stands for them
  kernels::PolicySums* const sums_;
  int64_t begin_ = 0;
  int64_t size_ = 0;
  ThreadScratch<double, TokenColumns> memory_{17 * kMostSamples};
  const Columns columns_{memory_.span().data()};
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_TOKEN_BLOCK_H_
