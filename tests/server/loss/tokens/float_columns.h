#ifndef LOSSD_TESTS_SERVER_LOSS_TOKENS_FLOAT_COLUMNS_H_
#define LOSSD_TESTS_SERVER_LOSS_TOKENS_FLOAT_COLUMNS_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/loss/catalogue.h"
#include "server/loss/compute.h"

// Batches of FLOAT32 tokens, which are computed in either type.
namespace lossd::loss::float_tokens {

// Columns of a batch.
struct Columns {
  std::vector<float> u, old, reference, advantages;
  std::vector<double> weights;

  void Add(float log_p, float old_log_p, float reference_log_p, float advantage,
           double weight = 1) {
    u.push_back(log_p);
    old.push_back(old_log_p);
    reference.push_back(reference_log_p);
    advantages.push_back(advantage);
    weights.push_back(weight);
  }
  Columns Part(size_t begin, size_t end) const {
    Columns part;
    for (size_t i = begin; i < end; ++i) {
      part.Add(u[i], old[i], reference[i], advantages[i], weights[i]);
    }
    return part;
  }
};

// Tokens of usual numbers.
inline Columns Usual(int count) {
  Columns columns;
  for (int i = 0; i < count; ++i) {
    const auto x = static_cast<float>(i);
    const float u = -5 * std::abs(std::sin(0.7F * x)) - 1e-3F;
    columns.Add(u, u + 2 * std::sin(1.3F * x), u + 0.5F * std::sin(0.31F * x), std::cos(2.1F * x),
                i % 5 == 3 ? 0 : 0.5 + 0.25 * (i % 3));
  }
  return columns;
}

struct Computed {
  std::vector<double> losses, gradient, hessian;
  Result result;
};

inline LossSpec SpecOf(const std::string& form) {
  LossSpec spec;
  spec.activation = Activation::kLogProbability;
  spec.form = FindForm(form);
  spec.parameters = DefaultParameters(*spec.form);
  return spec;
}

inline ComputeOptions MeanWithStatistics() {
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  options.policy_statistics = true;
  return options;
}

template <typename T>
Computed ComputeAs(const Columns& columns, const LossSpec& spec,
                   const ComputeOptions& options = MeanWithStatistics()) {
  const auto as = [](const std::vector<float>& v) { return std::vector<T>(v.begin(), v.end()); };
  const std::vector<T> u = as(columns.u);
  const std::vector<T> old = as(columns.old);
  const std::vector<T> reference = as(columns.reference);
  const std::vector<T> advantages = as(columns.advantages);
  Batch batch;
  batch.logits = absl::MakeConstSpan(u);
  batch.rows = static_cast<int64_t>(u.size());
  batch.classes = 1;
  batch.sample_weights = {columns.weights, 1};
  batch.rollout.advantages = absl::MakeConstSpan(advantages);
  batch.rollout.old_log_probs = absl::MakeConstSpan(old);
  batch.rollout.reference_log_probs = absl::MakeConstSpan(reference);
  std::vector<T> losses(u.size(), T(9));
  std::vector<T> gradient(u.size(), T(9));
  std::vector<T> hessian(u.size(), T(9));
  Outputs outputs;
  outputs[Output::kLosses] = absl::MakeSpan(losses);
  outputs[Output::kGradient] = absl::MakeSpan(gradient);
  outputs[Output::kHessianDiagonal] = absl::MakeSpan(hessian);
  const Executor executor(1);
  const auto result = Compute(batch, spec, options, outputs, executor);
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return {};
  return {{losses.begin(), losses.end()},
          {gradient.begin(), gradient.end()},
          {hessian.begin(), hessian.end()},
          *result};
}

}  // namespace lossd::loss::float_tokens

#endif  // LOSSD_TESTS_SERVER_LOSS_TOKENS_FLOAT_COLUMNS_H_
