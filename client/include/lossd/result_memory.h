#ifndef LOSSD_RESULT_MEMORY_H_
#define LOSSD_RESULT_MEMORY_H_

#include <variant>

#include "absl/types/span.h"

namespace lossd {

// The caller's memory for reals. The default is none.
using OptionalMemory = std::variant<std::monostate, absl::Span<float>, absl::Span<double>>;

// Memory that the arrays of an answer are written to, instead of to arrays of the Result, which
// stay unset. A training loop that gives the same memory at each step pays for no fresh pages,
// which cost as much as the copy.
//
//   std::vector<float> gradient(logits.size());
//   options.outputs.gradient = true;
//   options.memory.gradient = absl::MakeSpan(gradient);
//
// Each memory must have the logits' type and exactly the array's size, and its array must be asked
// for, else INVALID_ARGUMENT before anything is sent. It must outlive the call, or the stream's
// Receive. Its content after a failure is unspecified. The gradient may overwrite the logits.
struct ResultMemory {
  OptionalMemory losses = {};
  OptionalMemory gradient = {};
  OptionalMemory hessian_diagonal = {};
  OptionalMemory probabilities = {};
  OptionalMemory log_sum_exp = {};
  OptionalMemory margin = {};
};

}  // namespace lossd

#endif  // LOSSD_RESULT_MEMORY_H_
