#include "client/src/convert/destinations.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/src/status.h"

namespace lossd::client {
namespace {

template <typename T>
constexpr absl::string_view kTypeName = "double";
template <>
constexpr absl::string_view kTypeName<float> = "float";

// Returns the number of elements of `shape`, which was found to fit its values: when an extent is 0
// there are none, whatever the others are.
size_t Size(const Shape& shape) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  return static_cast<size_t>(
      std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
}

// Returns the memory for one output. `shape` is the output's, or nullopt when the server is to
// refuse the request.
template <typename T>
absl::StatusOr<std::optional<absl::Span<T>>> Find(const Output<T>& output,
                                                  const ComputeOptions& options,
                                                  const std::optional<Shape>& shape) {
  const OptionalMemory& memory = options.memory.*output.memory;
  if (std::holds_alternative<std::monostate>(memory)) return std::nullopt;
  const auto refuse = [&output](auto... reason) {
    return InvalidField(absl::StrCat("memory.", output.name), absl::StrCat(reason...));
  };
  if (!(options.outputs.*output.asked)) {
    return refuse("is given, but outputs.", output.name, " is not asked for");
  }
  const auto* span = std::get_if<absl::Span<T>>(&memory);
  if (span == nullptr) return refuse("is of another type than the logits, expected ", kTypeName<T>);
  if (shape && span->size() != Size(*shape)) {
    return refuse("has ", span->size(), " elements, expected ", Size(*shape));
  }
  return *span;
}

}  // namespace

std::optional<Shape> LossesShape(const Shape& logits, Activation activation,
                                 std::optional<int32_t> class_axis) {
  if (activation != Activation::kSoftmax) return logits;
  const auto rank = static_cast<int32_t>(logits.size());
  const int32_t given = class_axis.value_or(-1);
  const int32_t axis = given == -1 ? rank - 1 : given;
  if (axis < 0 || axis >= rank) return std::nullopt;
  Shape shape = logits;
  shape.erase(shape.begin() + axis);
  return shape;
}

template <typename T>
absl::StatusOr<Destinations<T>> FindDestinations(const Shape& logits, Activation activation,
                                                 const ComputeOptions& options) {
  const std::optional<Shape> samples = LossesShape(logits, activation, options.class_axis);
  Destinations<T> destinations;
  for (size_t i = 0; i < kOutputCount; ++i) {
    const Output<T>& output = kOutputs<T>[i];
    auto found = Find(output, options, output.extent == Extent::kLogits ? logits : samples);
    if (!found.ok()) return found.status();
    destinations[i] = *found;
  }
  return destinations;
}

template absl::StatusOr<Destinations<float>> FindDestinations(const Shape&, Activation,
                                                              const ComputeOptions&);
template absl::StatusOr<Destinations<double>> FindDestinations(const Shape&, Activation,
                                                               const ComputeOptions&);

}  // namespace lossd::client
