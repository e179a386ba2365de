#include "server/loss/compare.h"

#include <cmath>
#include <utility>
#include <variant>

namespace lossd::loss {
namespace {

template <typename T>
absl::StatusOr<std::vector<Comparison>> CompareTyped(const Batch& batch,
                                                     absl::Span<const LossSpec> specs,
                                                     ComputeOptions options,
                                                     const Executor& executor) {
  options.gradient_scale = 1;
  options.vanishing = true;
  std::vector<T> gradient(static_cast<size_t>(batch.rows * batch.classes));
  Outputs outputs;
  outputs.gradient = absl::MakeSpan(gradient);
  std::vector<Comparison> comparisons;
  for (const LossSpec& spec : specs) {
    absl::StatusOr<Result> result = Compute(batch, spec, options, outputs, executor);
    if (!result.ok()) return result.status();
    double squares = 0;
    for (const T g : gradient) squares += static_cast<double>(g) * static_cast<double>(g);
    comparisons.push_back({*std::move(result), std::sqrt(squares)});
  }
  return comparisons;
}

}  // namespace

absl::StatusOr<std::vector<Comparison>> Compare(const Batch& batch,
                                                absl::Span<const LossSpec> specs,
                                                const ComputeOptions& options,
                                                const Executor& executor) {
  if (std::holds_alternative<absl::Span<const float>>(batch.logits)) {
    return CompareTyped<float>(batch, specs, options, executor);
  }
  return CompareTyped<double>(batch, specs, options, executor);
}

}  // namespace lossd::loss
