#ifndef LOSSD_SERVER_KERNELS_TARGET_ROWS_H_
#define LOSSD_SERVER_KERNELS_TARGET_ROWS_H_

#include <cstdint>

#include "server/kernels/float_format.h"
#include "server/kernels/piece.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// Softmax rows of logits with a target t_k for each class, in their own type. With y_k =
// (1 − smoothing) t_k + smoothing / C Σ t, and class weights w_k, the loss is
//   Σ_k w_k y_k φ(log p_k) + z_loss (log Σ_k exp x_k)²,   x = scale · z
// Derivatives are by z. Matrices are [row_count, class_count].
template <typename T>
struct TargetRows {
  const T* logits = nullptr;  // null: in pieces, as ClassIdRows has them
  const Piece* pieces = nullptr;
  int64_t piece_count = 0;
  int64_t piece_offset = 0;
  FloatFormat format = FloatFormat::kComputed;
  int64_t row_count = 0;
  int64_t class_count = 0;

  const T* targets = nullptr;
  double scale = 1;  // > 0
  double smoothing = 0;
  const T* class_weights = nullptr;  // [class_count]; null: all are 1
  double z_loss = 0;

  // Columns; a row of which both are 0 is left.
  const double* loss_scale = nullptr;
  const double* gradient_scale = nullptr;

  T* workspace = nullptr;  // TargetWorkspaceSize(class_count)
  Stores stores = Stores::kCached;

  // Outputs; the matrices and log_sum_exp may be null.
  T* losses = nullptr;
  T* gradient = nullptr;
  T* probabilities = nullptr;
  T* log_sum_exp = nullptr;
  // [row_count]: 1 where a row is left to a kernel of more range, and its results are anything;
  // else 0. It is so for logits and losses that are not finite, and for sizes that are unusual.
  uint8_t* left = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_TARGET_ROWS_H_
