#ifndef LOSSD_SERVER_LOSS_TOKENS_INNER_PLANS_H_
#define LOSSD_SERVER_LOSS_TOKENS_INNER_PLANS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/class_terms.h"
#include "server/loss/blocks/logit_transform.h"
#include "server/loss/mining.h"
#include "server/threads/cancellation.h"
#include "server/threads/executor.h"

namespace lossd::loss {

// A loss φ(u) of logits z that reads a rollout is computed by two plans of the same batch's cross
// entropy, −u(z): one that gives u, and one that takes the derivative by u back to the logits, as
// an upstream gradient:
//   ∂φ/∂z_j = φ′ ∂u/∂z_j,  ∂²φ/∂z_j² = φ″ (∂u/∂z_j)² + φ′ ∂²u/∂z_j²
class InnerPlans {
 public:
  // Whether rows of unusual slopes may have to be computed in double.
  enum class InDouble { kNever, kMaybe };

  // All arguments outlive this.
  InnerPlans(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
             const LogitTransform& transform, size_t element_size, InDouble in_double,
             const MiningDecision& decided, const Executor& executor,
             const Cancellation& cancellation);
  InnerPlans(const InnerPlans&) = delete;
  InnerPlans& operator=(const InnerPlans&) = delete;

  // Returns the plan of the cross entropy itself, without any weight.
  const BatchPlan& log_p() const { return log_p_; }
  // Returns the same for logits that are computed in double. Unless kNever.
  const BatchPlan& log_p_in_double() const { return *log_p_in_double_; }
  // Returns the first with −slope(i) as the upstream gradients.
  const BatchPlan& derivative() const { return derivative_; }

  // Sets the derivative of the reduced loss by the u of a sample. Each sample's is set once, before
  // its row is computed.
  void SetSlope(int64_t sample, double slope) const {
    upstream_[static_cast<size_t>(sample)] = -slope;
  }
  double slope(int64_t sample) const { return -upstream_[static_cast<size_t>(sample)]; }

 private:
  Batch batch_;
  LossSpec spec_;
  ComputeOptions options_;
  ClassTerms terms_;
  MiningDecision decided_;
  mutable std::vector<double> upstream_;
  Batch batch_with_upstream_;
  BatchPlan log_p_;
  std::optional<BatchPlan> log_p_in_double_;
  BatchPlan derivative_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_INNER_PLANS_H_
