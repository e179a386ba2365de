#ifndef LOSSD_SERVER_LOSS_TOKENS_FLOAT_TOKEN_BLOCK_H_
#define LOSSD_SERVER_LOSS_TOKENS_FLOAT_TOKEN_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "server/kernels/policy_sums.h"
#include "server/kernels/policy_tokens.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/thread_scratch.h"
#include "server/loss/rollout.h"
#include "server/loss/tokens/token_block.h"

namespace lossd::loss {

// What is computed of a block of tokens in float. Of ignored ones all is 0.
struct FloatTokenOutputs {
  float* losses = nullptr;
  float* gradient = nullptr;    // may be null
  double* slope = nullptr;      // φ′, before weights and the reduction; may be null
  double* curvature = nullptr;  // φ″, before them; may be null
};

// The loss of a ratio as a function of u = ln p_t, in float and in one pass over the columns.
// Tokens of unusual numbers are left to a TokenBlock, one by one: how a token is computed does not
// depend on the others.
class FloatTokenBlock {
 public:
  static constexpr int64_t kMostSamples = 2048;

  // Returns true when a loss of float logits is computed so.
  static bool Serves(const BatchPlan& plan);

  // `sums` is what the policy's statistics are added to, or null.
  FloatTokenBlock(const BatchPlan& plan, kernels::PolicySums* sums);

  // Evaluates samples [begin, begin + size) of the batch, whose log-probabilities are `u`.
  void Evaluate(int64_t begin, int64_t size, const float* u, const FloatTokenOutputs& outputs);

 private:
  struct FloatColumns {};

  void LoadScales(int64_t begin, int64_t size);
  // Returns the numbers of samples [begin, begin + size): where they are, or in `room` for as many.
  static const float* Floats(const Column& column, int64_t begin, int64_t size, float* room);
  const float* Advantages(int64_t begin, int64_t size);
  bool Run(kernels::FloatTokens tokens);
  bool RunLast(const kernels::FloatTokens& tokens, int64_t whole, int64_t size);
  void ComputeLeft(int64_t begin, int64_t size, const float* u, const FloatTokenOutputs& outputs);

  const BatchPlan& plan_;
  const Rollout& rollout_;
  kernels::PolicySums* const sums_;
  ThreadScratch<float, FloatColumns> memory_{9 * kMostSamples};
  float* const loss_scale_;
  float* const gradient_scale_;
  float* const old_log_p_;
  float* const reference_;
  float* const advantage_;
  float* const left_;
  float* const slope_;
  float* const curvature_;
  std::optional<TokenBlock> in_double_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_FLOAT_TOKEN_BLOCK_H_
