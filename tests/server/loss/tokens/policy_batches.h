#ifndef LOSSD_TESTS_SERVER_LOSS_TOKENS_POLICY_BATCHES_H_
#define LOSSD_TESTS_SERVER_LOSS_TOKENS_POLICY_BATCHES_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/loss/catalogue.h"
#include "server/loss/compute.h"

// Batches of logits beside a rollout.
namespace lossd::loss::policy_rows {

// Logits and a rollout that are different in each row.
template <typename T>
struct Rows {
  Rows(int64_t rows, int64_t classes) : logits(static_cast<size_t>(rows * classes)) {
    for (size_t i = 0; i < logits.size(); ++i) {
      logits[i] = static_cast<T>(3 * std::sin(1.7 * static_cast<double>(i) + 0.3));
    }
    for (int64_t row = 0; row < rows; ++row) {
      const auto x = static_cast<double>(row);
      ids.push_back(row % classes);
      old.push_back(static_cast<T>(-2.0 - std::sin(0.7 * x)));
      reference.push_back(static_cast<T>(-2.1 - std::sin(0.71 * x)));
      advantages.push_back(static_cast<T>(2 * std::sin(1.3 * x)));
      weights.push_back(row % 5 == 0 ? 0 : 1 + 0.5 * std::sin(x));
    }
    batch.logits = absl::MakeConstSpan(logits);
    batch.rows = rows;
    batch.classes = classes;
    batch.labels = ClassIds{ids};
    batch.sample_weights = {weights, 1};
    batch.rollout.advantages = absl::MakeConstSpan(advantages);
    batch.rollout.old_log_probs = absl::MakeConstSpan(old);
    batch.rollout.reference_log_probs = absl::MakeConstSpan(reference);
    batch.sequences = {10, rows / 10, {}};
  }
  Rows(const Rows&) = delete;

  std::vector<T> logits, old, reference, advantages;
  std::vector<int64_t> ids;
  std::vector<double> weights;
  Batch batch;
};

template <typename T>
struct Computed {
  std::vector<T> losses, gradient, hessian;
  Result result;
};

template <typename T>
Computed<T> ComputeBatch(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                         int threads = 1) {
  Computed<T> computed;
  computed.losses.resize(static_cast<size_t>(batch.rows));
  computed.gradient.resize(static_cast<size_t>(batch.rows * batch.classes));
  computed.hessian.resize(computed.gradient.size());
  Outputs outputs;
  outputs[Output::kLosses] = absl::MakeSpan(computed.losses);
  outputs[Output::kGradient] = absl::MakeSpan(computed.gradient);
  outputs[Output::kHessianDiagonal] = absl::MakeSpan(computed.hessian);
  const Executor executor(threads);
  auto result = Compute(batch, spec, options, outputs, executor);
  EXPECT_TRUE(result.ok()) << result.status();
  if (result.ok()) computed.result = *std::move(result);
  return computed;
}

inline LossSpec SpecOf(const std::string& form) {
  LossSpec spec;
  spec.form = FindForm(form);
  spec.parameters = DefaultParameters(*spec.form);
  return spec;
}

inline ComputeOptions MeanOf(Reduction reduction) {
  ComputeOptions options;
  options.reduction = reduction;
  options.policy_statistics = true;
  return options;
}

}  // namespace lossd::loss::policy_rows

#endif  // LOSSD_TESTS_SERVER_LOSS_TOKENS_POLICY_BATCHES_H_
