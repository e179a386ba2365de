#include "server/loss/compare.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <variant>

#include "server/loss/blocks/strided_rows.h"
#include "server/loss/cancelled_call.h"
#include "server/loss/wide.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {
namespace {

// Returns Σ g², added up in the order of rows and classes wherever the classes lie.
template <typename Number, typename T>
Number SumOfSquares(const Batch& batch, absl::Span<const T> gradient,
                    const Cancellation& cancellation) {
  const StridedMatrix matrix = {batch.classes, batch.inner};
  Number squares = 0;
  const auto add_row = [&](int64_t row) {
    const T* const first = gradient.data() + matrix.Offset(row);
    for (int64_t k = 0; k < batch.classes; ++k) {
      const auto g = static_cast<Number>(first[k * batch.inner]);
      squares += g * g;
    }
  };
  ForEachBlock(batch.rows, batch.classes, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) add_row(row);
  });
  return squares;
}

// Returns the L2 norm.
template <typename T>
double Norm(const Batch& batch, absl::Span<const T> gradient, const Cancellation& cancellation) {
  const auto squares = SumOfSquares<double>(batch, gradient, cancellation);
  // Squares of tiny and huge numbers leave double's range; those of floats do not.
  const bool fits = std::isnan(squares) || OrdinaryRangeOf(sizeof(T)).Has(squares);
  if (sizeof(T) == sizeof(float) || fits) return std::sqrt(squares);
  const auto wide_squares = SumOfSquares<Wide>(batch, gradient, cancellation);
  return static_cast<double>(std::sqrt(wide_squares));
}

template <typename T>
absl::StatusOr<std::vector<Comparison>> CompareTyped(const Batch& batch,
                                                     absl::Span<const LossSpec* const> specs,
                                                     ComputeOptions options,
                                                     const Executor& executor) {
  options.gradient_scale = 1;
  options.vanishing = true;
  const Cancellation cancellation(options.cancelled);
  std::vector<T> gradient(static_cast<size_t>(batch.rows * batch.classes));
  Outputs outputs;
  outputs[Output::kGradient] = absl::MakeSpan(gradient);
  std::vector<Comparison> comparisons;
  for (const LossSpec* spec : specs) {
    absl::StatusOr<Result> result = Compute(batch, *spec, options, outputs, executor);
    if (!result.ok()) return result.status();
    comparisons.push_back({*std::move(result), Norm<T>(batch, gradient, cancellation)});
    if (cancellation.seen()) return CancelledCall();
  }
  return comparisons;
}

}  // namespace

absl::StatusOr<std::vector<Comparison>> Compare(const Batch& batch,
                                                absl::Span<const LossSpec* const> specs,
                                                const ComputeOptions& options,
                                                const Executor& executor) {
  if (std::holds_alternative<absl::Span<const float>>(batch.logits)) {
    return CompareTyped<float>(batch, specs, options, executor);
  }
  return CompareTyped<double>(batch, specs, options, executor);
}

}  // namespace lossd::loss
