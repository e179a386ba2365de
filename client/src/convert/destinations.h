#ifndef LOSSD_CLIENT_SRC_CONVERT_DESTINATIONS_H_
#define LOSSD_CLIENT_SRC_CONVERT_DESTINATIONS_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"

namespace lossd::client {

// A ResultMemory that was found to fit: the caller's memory for each array, or none.
template <typename T>
struct Destinations {
  std::optional<absl::Span<T>> losses = std::nullopt;
  std::optional<absl::Span<T>> gradient = std::nullopt;
  std::optional<absl::Span<T>> hessian_diagonal = std::nullopt;
  std::optional<absl::Span<T>> probabilities = std::nullopt;
  std::optional<absl::Span<T>> log_sum_exp = std::nullopt;
};

// The shape of `losses`: softmax the logits' without the class axis, sigmoid the logits'. None when
// there is no such axis.
std::optional<Shape> LossesShape(const Shape& logits, Activation activation,
                                 std::optional<int32_t> class_axis);

// INVALID_ARGUMENT, naming the memory, when it does not fit what is asked for. Instantiated for
// float and double.
template <typename T>
absl::StatusOr<Destinations<T>> FindDestinations(const Shape& logits, Activation activation,
                                                 const ComputeOptions& options);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_DESTINATIONS_H_
