#ifndef LOSSD_RESULT_MEMORY_H_
#define LOSSD_RESULT_MEMORY_H_

#include <variant>

#include "absl/types/span.h"

namespace lossd {

// Somebody's memory for reals. The default is none.
using OptionalMemory = std::variant<std::monostate, absl::Span<float>, absl::Span<double>>;

// Where the arrays of an answer are written, instead of to arrays of the Result, which stay unset.
// A training loop that gives the same memory at each step pays for no fresh pages, which cost as
// much as the copy.
//
//   std::vector<float> gradient(logits.size());
//   options.outputs.gradient = true;
//   options.memory.gradient = absl::MakeSpan(gradient);
//
// Each is of the logits' type, of exactly the array's size, and for an array that is asked for,
// else INVALID_ARGUMENT before anything is sent. It must outlive the call, or the stream's Receive;
// what it holds after a failure is unspecified. The gradient may take the place of the logits
// themselves.
struct ResultMemory {
  OptionalMemory losses = {};
  OptionalMemory gradient = {};
  OptionalMemory hessian_diagonal = {};
  OptionalMemory probabilities = {};
  OptionalMemory log_sum_exp = {};
};

}  // namespace lossd

#endif  // LOSSD_RESULT_MEMORY_H_
