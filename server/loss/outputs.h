#ifndef LOSSD_SERVER_LOSS_OUTPUTS_H_
#define LOSSD_SERVER_LOSS_OUTPUTS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/kernels/float_format.h"
#include "server/loss/float_view.h"

namespace lossd::loss {

// The arrays that Compute fills where they are wanted. A new one is an entry here, its row in
// kOutputTable, and the line that computes it.
enum class Output {
  kLosses,           // sample weight times loss
  kGradient,         // with respect to the batch's logits
  kHessianDiagonal,  // the same
  kProbabilities,
  kLogSumExp,
  kMargin,  // softmax: z_t − max z_j over j ≠ t; sigmoid: z if t ≥ ½, else −z
};

// How many elements an output has, and how they lie.
enum class OutputExtent {
  kSamples,  // one per sample, in their order
  kLogits,   // rows · classes, laid out as the logits are
};

// The element type that an output is answered in. The core writes all of them as kComputed.
enum class OutputType {
  kComputed,  // float, and double for logits that are doubles
  kLogits,    // the type that the logits were sent in
  kAskedFor,  // the type that the caller names; the logits' by default
};

// kLogits: softmax and sigmoid, but not log-probabilities.
enum class OutputActivation { kAny, kLogits, kSoftmaxOnly };

// What computes an output.
enum class OutputSource {
  kKernels,  // the loss's kernel, which reads each logit once, wherever it is
  kLogits,   // the logits alone, which are read again after the kernel
};

struct OutputRow {
  const char* name;
  Output output;
  OutputExtent extent;
  OutputType type;
  OutputActivation activation = OutputActivation::kAny;
  OutputSource source = OutputSource::kKernels;
};

inline constexpr OutputRow kOutputTable[] = {
    {"losses", Output::kLosses, OutputExtent::kSamples, OutputType::kComputed},
    {"gradient", Output::kGradient, OutputExtent::kLogits, OutputType::kAskedFor},
    {"hessian_diagonal", Output::kHessianDiagonal, OutputExtent::kLogits, OutputType::kComputed},
    {"probabilities", Output::kProbabilities, OutputExtent::kLogits, OutputType::kLogits,
     OutputActivation::kLogits},
    {"log_sum_exp", Output::kLogSumExp, OutputExtent::kSamples, OutputType::kComputed,
     OutputActivation::kSoftmaxOnly},
    {"margin", Output::kMargin, OutputExtent::kSamples, OutputType::kComputed,
     OutputActivation::kLogits, OutputSource::kLogits},
};

inline constexpr size_t kOutputCount = sizeof(kOutputTable) / sizeof(OutputRow);

// Returns true when every row lies at the place of its output.
constexpr bool IsInOrder() {
  for (size_t i = 0; i < kOutputCount; ++i) {
    if (static_cast<size_t>(kOutputTable[i].output) != i) return false;
  }
  return true;
}
static_assert(IsInOrder());

// One T for each output.
template <typename T>
class PerOutput {
 public:
  T& operator[](Output output) { return values_[static_cast<size_t>(output)]; }
  const T& operator[](Output output) const { return values_[static_cast<size_t>(output)]; }

 private:
  std::array<T, kOutputCount> values_ = {};
};

// Memory for a matrix that need not be in one piece. Thread-safe.
class MatrixParts {
 public:
  virtual ~MatrixParts() = default;

  // Returns memory for the rows [begin, end), in the order of an array, aligned to a cache line.
  // Each row is asked for once.
  virtual MutableFloatView Make(int64_t begin, int64_t end) = 0;
};

// The memory that the results are written to: arrays of the computed type, each empty where it is
// not wanted.
struct Outputs : PerOutput<MutableFloatView> {
  // Each replaces the array of kGradient, where Batch::inner is 1. Parts are made when they are
  // computed, so that they can take the memory of logits that were released before; numbers of 16
  // bits are rounded from floats.
  MatrixParts* gradient_parts = nullptr;
  kernels::HalfMatrix half_gradient;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_OUTPUTS_H_
