#ifndef LOSSD_SERVER_KERNELS_ROW_OUTCOMES_H_
#define LOSSD_SERVER_KERNELS_ROW_OUTCOMES_H_

#include <cstdint>

#include "server/kernels/class_id_rows.h"

namespace lossd::kernels {

// What the logits of rows with a true class t say about it; each array is [row_count].
struct RowOutcomes {
  int64_t* predicted = nullptr;  // the first of the largest logits, −1 where one is NaN
  // #{z_j > z_t} + #{z_j = z_t, j < t}, where a NaN counts as larger; class_count where z_t is NaN
  int64_t* ranks = nullptr;
};

// Find the outcomes of rows, of which they read the logits and the class ids.
struct RowOutcomeKernels {
  void (*of_f32)(const ClassIdRows<float>& rows, const RowOutcomes& outcomes) = nullptr;
  void (*of_f64)(const ClassIdRows<double>& rows, const RowOutcomes& outcomes) = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROW_OUTCOMES_H_
