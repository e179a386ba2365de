#ifndef LOSSD_SERVER_LOSS_BLOCKS_DENSE_ROW_ARRAYS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_DENSE_ROW_ARRAYS_H_

#include <cstdint>

#include "server/loss/blocks/cut_memory.h"

namespace lossd::loss {

// What a row of DenseRowBlock is computed in. Each array has `size` elements, the padded number of
// classes, but for `workspace`.
struct DenseRowArrays {
  explicit DenseRowArrays(int64_t padded) : size(padded), memory(12 * padded) {}

  int64_t size;
  CutMemory<double> memory;
  double* const logits = memory.Cut(size);  // the form's
  double* const weighted_targets = memory.Cut(size);
  double* const targets = memory.Cut(size);  // smoothed
  double* const probabilities = memory.Cut(size);
  double* const one_minus_probabilities = memory.Cut(size);
  double* const gradient = memory.Cut(size);
  double* const hessian = memory.Cut(size);
  double* const workspace = memory.Cut(2 * size);  // the kernel's
  double* const true_targets = memory.Cut(size);   // before smoothing
  // Derivatives of the form's logits with respect to the request's.
  double* const first_derivatives = memory.Cut(size);
  double* const second_derivatives = memory.Cut(size);
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_DENSE_ROW_ARRAYS_H_
