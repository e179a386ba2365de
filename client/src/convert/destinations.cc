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

// How many elements an array of this shape has. The shape was found to fit its values, of which
// there are none where one extent is 0, whatever the others are.
size_t Size(const Shape& shape) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  return static_cast<size_t>(
      std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
}

// `shape`: the array's; none when the server is to say that there is no such array.
template <typename T>
absl::Status Find(absl::string_view name, const OptionalMemory& memory, bool asked,
                  const std::optional<Shape>& shape, std::optional<absl::Span<T>>* destination) {
  if (std::holds_alternative<std::monostate>(memory)) return absl::OkStatus();
  const auto refuse = [name](auto... reason) {
    return InvalidField(absl::StrCat("memory.", name), absl::StrCat(reason...));
  };
  if (!asked) return refuse("is given, but outputs.", name, " is not asked for");
  const auto* span = std::get_if<absl::Span<T>>(&memory);
  if (span == nullptr) return refuse("is of another type than the logits, expected ", kTypeName<T>);
  if (shape && span->size() != Size(*shape)) {
    return refuse("has ", span->size(), " elements, expected ", Size(*shape));
  }
  *destination = *span;
  return absl::OkStatus();
}

}  // namespace

std::optional<Shape> LossesShape(const Shape& logits, Activation activation,
                                 std::optional<int32_t> class_axis) {
  if (activation == Activation::kSigmoid) return logits;
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
  const std::optional<Shape> elements = logits;
  const std::optional<Shape> samples = LossesShape(logits, activation, options.class_axis);
  const ResultMemory& memory = options.memory;
  const OutputOptions& asked = options.outputs;
  Destinations<T> found;
  absl::Status status;
  status.Update(Find("losses", memory.losses, asked.losses, samples, &found.losses));
  status.Update(Find("gradient", memory.gradient, asked.gradient, elements, &found.gradient));
  status.Update(Find("hessian_diagonal", memory.hessian_diagonal, asked.hessian_diagonal, elements,
                     &found.hessian_diagonal));
  status.Update(Find("probabilities", memory.probabilities, asked.probabilities, elements,
                     &found.probabilities));
  status.Update(
      Find("log_sum_exp", memory.log_sum_exp, asked.log_sum_exp, samples, &found.log_sum_exp));
  if (!status.ok()) return status;
  return found;
}

template absl::StatusOr<Destinations<float>> FindDestinations(const Shape&, Activation,
                                                              const ComputeOptions&);
template absl::StatusOr<Destinations<double>> FindDestinations(const Shape&, Activation,
                                                               const ComputeOptions&);

}  // namespace lossd::client
