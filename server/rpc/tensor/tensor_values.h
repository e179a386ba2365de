#ifndef LOSSD_SERVER_RPC_TENSOR_TENSOR_VALUES_H_
#define LOSSD_SERVER_RPC_TENSOR_TENSOR_VALUES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/loss/batch.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {

// Copies of a tensor's elements, rounded to its type and aligned. Each answers nullopt after adding
// to `violations` when the type is of another family or a value does not fit it; `path` is where
// the tensor stands.

// Of the float family: doubles for FLOAT64, floats for the other types. Large ones are in memory of
// `pool`.
std::optional<FloatArray> ReadFloats(const TensorView& tensor, absl::string_view path,
                                     BufferPool& pool, FieldViolations& violations);

// Reads the elements where they are, instead of copying them now. The tensor has `data` of the
// float family, and what that points to outlives the reader, but for what it is told to release:
// that it has the pieces' owners give up.
std::unique_ptr<loss::LogitReader> ReaderOf(const TensorView& tensor);

// Of the integer family.
std::optional<std::vector<int64_t>> ReadIntegers(const TensorView& tensor, absl::string_view path,
                                                 FieldViolations& violations);

// Of either family.
std::optional<std::vector<double>> ReadNumbers(const TensorView& tensor, absl::string_view path,
                                               FieldViolations& violations);

// `value` rounded to a type of the float family, to nearest, ties to even.
double RoundToType(v1::DataType type, double value);

// What each value of a tensor must be.
enum class Bound {
  kFinite,
  kFiniteAndNotNegative,
  kUnitInterval,  // [0, 1]
};

// Adds to `violations` the places of the tensor at `path` whose values break `bound`; true when
// there are none. `values` is in the tensor's own layout.
bool CheckBound(loss::FloatView values, absl::Span<const int64_t> shape, Bound bound,
                absl::string_view path, FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_TENSOR_VALUES_H_
