#ifndef LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_H_
#define LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_H_

#include <cstdint>

#include "server/kernels/float_format.h"
#include "server/kernels/hessian.h"
#include "server/kernels/piece.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// The factors that scale a row, beside the form.
struct RowFactors {
  double class_weight = 1;    // of the true class; 0 where the row is ignored
  double sample_weight = 1;   // scales the loss
  double gradient_scale = 1;  // scales the gradient, beside class_weight
  double hessian_scale = 1;   // scales the Hessian, beside class_weight
};

// Softmax rows of logits with one true class each, hard labels without smoothing: the fast path. A
// matrix is [row_count, class_count], or, where class_stride is set, has its rows next to each
// other and its classes that many elements apart; all matrices are laid out alike.
template <typename T>
struct ClassIdRows {
  const T* logits = nullptr;  // a matrix; null: in pieces
  // One after the other; they hold the matrix from byte `piece_offset` of their sequence on.
  // Nothing in them is aligned, and an element may lie in two. Without class_stride only.
  const Piece* pieces = nullptr;
  int64_t piece_count = 0;
  int64_t piece_offset = 0;
  FloatFormat format = FloatFormat::kComputed;  // of the numbers in pieces
  int64_t row_count = 0;
  int64_t class_count = 0;
  int64_t class_stride = 0;  // 0: none; else class_count ≤ kMaxStridedClasses

  const int64_t* class_ids = nullptr;  // per row, in [0, class_count)
  // The factors of all rows, or, where `class_weight` is set, columns with those of each; where
  // `sample_weight` is null, it is the only column, and the other factors are those of all. A row
  // whose class_weight · sample_weight is 0 has loss and derivatives 0.
  RowFactors factors;
  const double* class_weight = nullptr;
  const double* sample_weight = nullptr;
  const double* gradient_scale = nullptr;
  const double* hessian_scale = nullptr;
  Curvature curvature = Curvature::kExact;

  T* workspace = nullptr;  // RowWorkspaceSize(class_count)
  Stores stores = Stores::kCached;

  // Outputs; each may be null.
  T* losses = nullptr;                 // [row_count]
  T* gradient = nullptr;               // a matrix
  HalfMatrix half_gradient;            // the same, in its place; of floats without class_stride
  T* hessian = nullptr;                // a matrix
  T* probabilities = nullptr;          // a matrix
  T* log_sum_exp = nullptr;            // [row_count]
  double* true_probability = nullptr;  // [row_count]
  double* true_gradient = nullptr;     // [row_count]: φ′ (1 − p_t), without any weight
  double* gradient_l1 = nullptr;       // [row_count]: Σ_j |g_j| by class weights; of shaped rows
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_H_
