#ifndef LOSSD_SERVER_RPC_TENSOR_TENSOR_VALUES_H_
#define LOSSD_SERVER_RPC_TENSOR_TENSOR_VALUES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/loss/batch.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/tensor_view.h"
#include "server/threads/cancellation.h"

namespace lossd::rpc {

// The Read functions copy the elements of the tensor at `field`, rounded to its type and aligned.
// They return nullopt and add to the violations when the type is of another family or a value does
// not fit it.

// Reads a float tensor: doubles for FLOAT64, floats for the other types. Large arrays are in memory
// of `pool`.
std::optional<FloatArray> ReadFloats(const TensorView& tensor, const Field& field,
                                     BufferPool& pool);

// Reads an integer tensor.
std::optional<std::vector<int64_t>> ReadIntegers(const TensorView& tensor, const Field& field);

// Reads any tensor as doubles.
std::optional<std::vector<double>> ReadNumbers(const TensorView& tensor, const Field& field);

// Makes a reader of a float tensor with `data`, which it reads in place. The bytes outlive the
// reader, except those that it is told to release: their owners may free them.
std::unique_ptr<loss::LogitReader> MakeReader(const TensorView& tensor);

// The values that a tensor may have.
enum class Bound {
  kFinite,
  kFiniteAndNotNegative,
  kUnitInterval,   // [0, 1]
  kBelowInfinity,  // a number, or −∞
};

// Returns true when all `values` are inside `bound`, else adds the places of those that are not.
// `values` are those of `tensor`, in its own layout.
bool CheckBound(loss::FloatView values, absl::Span<const int64_t> shape, Bound bound,
                const Field& tensor);

// The order of values that are not in the layout of their tensor, and which of them are read.
struct ReadValues {
  absl::FunctionRef<int64_t(int64_t)> place;  // of the tensor's element i among the values
  absl::FunctionRef<bool(int64_t)> is_read;   // the value at a place
};

// Returns true if is_wrong(i) does for an i in [0, count), or a cancellation was seen before.
template <typename IsWrong>
bool AnyOf(size_t count, const Cancellation& cancellation, IsWrong is_wrong) {
  bool found = false;
  const bool finished =
      ForEachBlock(static_cast<int64_t>(count), 1, cancellation, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end && !found; ++i) found = is_wrong(i);
      });
  return found || !finished;
}

// Does the same for the values that are read.
bool CheckBound(loss::FloatView values, const ReadValues& read, absl::Span<const int64_t> shape,
                Bound bound, const Field& tensor);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_TENSOR_VALUES_H_
