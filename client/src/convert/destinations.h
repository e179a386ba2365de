#ifndef LOSSD_CLIENT_SRC_CONVERT_DESTINATIONS_H_
#define LOSSD_CLIENT_SRC_CONVERT_DESTINATIONS_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/src/convert/outputs.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"

namespace lossd::client {

// The caller's memory for each output, or none: a ResultMemory that was found to fit.
template <typename T>
using Destinations = PerOutput<std::optional<absl::Span<T>>>;

// Returns the shape of `losses`: for softmax the logits' without the class axis, else the logits'.
// Returns nullopt when there is no such axis.
std::optional<Shape> LossesShape(const Shape& logits, Activation activation,
                                 std::optional<int32_t> class_axis);

// Returns the memory of `options`. Returns INVALID_ARGUMENT, naming the memory, when it does not
// fit what is asked for. Instantiated for float and double.
template <typename T>
absl::StatusOr<Destinations<T>> FindDestinations(const Shape& logits, Activation activation,
                                                 const ComputeOptions& options);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_DESTINATIONS_H_
