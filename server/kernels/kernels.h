#ifndef LOSSD_SERVER_KERNELS_KERNELS_H_
#define LOSSD_SERVER_KERNELS_KERNELS_H_

#include <cstdint>

#include "server/kernels/form_info.h"

namespace lossd::kernels {

// Buffers whose names say "padded" hold a multiple of this many elements, so that no loop has a
// tail. It is also the number of partial sums that a sum over classes keeps, whatever the width of
// the registers: AVX2 and AVX-512 give the same bits.
inline constexpr int64_t kLanes = 16;

// Classes are read in chunks of this many, which the caches closest to the CPU keep from one pass
// over them to the next. Float partial sums grow no longer than a chunk either.
inline constexpr int64_t kChunkClasses = 2048;

constexpr int64_t PaddedSize(int64_t size) { return (size + kLanes - 1) / kLanes * kLanes; }

// Second derivatives are taken as they are, or so that none is negative (for tree boosters).
enum class Curvature { kExact, kPositive };

// Where large results go. Streaming stores go past the caches, which pays where the results as a
// whole do not fit in them; the bits are the same. They are in no order with other stores until
// FinishStreaming, after which other threads may be told of them.
enum class Stores { kCached, kStreaming };

// What scales a row, beside the form.
struct RowFactors {
  double class_weight = 1;    // of the true class; 0 where the row is ignored
  double sample_weight = 1;   // scales the loss
  double gradient_scale = 1;  // scales the gradient, beside class_weight
  double hessian_scale = 1;   // scales the Hessian, beside class_weight
};

// Classes that do not stand next to each other can be no more than these.
inline constexpr int64_t kMaxStridedClasses = 32;

// Rows are computed so many together that they have about this many elements, or one by one.
inline constexpr int64_t kGroupElements = 4096;

// A group's exponentials, kLanes elements more that may be read, and a number for each chunk of
// kChunkClasses that its rows have.
constexpr int64_t ChunkNumbersSize(int64_t class_count) {
  return PaddedSize(class_count / kChunkClasses + kLanes);
}
constexpr int64_t GroupWorkspaceSize(int64_t class_count) {
  const int64_t exponentials = class_count > kGroupElements ? class_count : kGroupElements;
  return PaddedSize(exponentials) + kLanes + ChunkNumbersSize(class_count);
}

// Rows that are longer are not reduced while the one before is written: together they would not
// stay in a cache.
inline constexpr int64_t kMaxClassesInTurn = int64_t{1} << 16;

// Elements of ClassIdRows::workspace: two groups in turn, or one, and as many as it takes to begin
// with a cache line.
constexpr int64_t RowWorkspaceSize(int64_t class_count) {
  const int64_t groups = class_count > kMaxClassesInTurn ? 1 : 2;
  return groups * GroupWorkspaceSize(class_count) + kLanes;
}

// Rows of at most kMaxStridedClasses classes are computed so many at once.
inline constexpr int64_t kMostTileRows = 64;

// A part of a run of bytes that lies in several places.
struct Piece {
  const char* data = nullptr;
  int64_t begin = 0;  // the place of its first byte in the run
  int64_t size = 0;
};

// Rows of logits with one true class each, hard labels without smoothing: the fast path. A matrix
// is [row_count, class_count], or, where class_stride is set, has its rows next to each other and
// its classes that many elements apart; all matrices are laid out alike.
template <typename T>
struct ClassIdRows {
  const T* logits = nullptr;  // a matrix; null: in pieces
  // One after the other; they hold the matrix from byte `piece_offset` of their run on. Nothing in
  // them is aligned, and an element may lie in two. Without class_stride only.
  const Piece* pieces = nullptr;
  int64_t piece_count = 0;
  int64_t piece_offset = 0;
  int64_t row_count = 0;
  int64_t class_count = 0;
  int64_t class_stride = 0;  // 0: none; else class_count <= kMaxStridedClasses

  const int64_t* class_ids = nullptr;  // per row, in [0, class_count)
  // The factors of all rows, or, where `class_weight` is set, columns with those of each. A row
  // whose class_weight * sample_weight is 0 has loss and derivatives 0.
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
  T* hessian = nullptr;                // a matrix
  T* probabilities = nullptr;          // a matrix
  T* log_sum_exp = nullptr;            // [row_count]
  double* true_probability = nullptr;  // [row_count]
  double* true_gradient = nullptr;     // [row_count]: phi' (1 - p_t), without any weight
};

// One row with a target per class, in double; every form and every logit type comes here when the
// fast path does not apply. All arrays are [padded_count]; past the classes, logits hold -inf and
// the others 0.
struct DenseRow {
  int64_t class_count = 0;
  const double* logits = nullptr;
  double* weighted_targets = nullptr;  // a; read and restored
  const double* targets = nullptr;     // y
  double whole_weight = 1;             // forms with Weighting::kWhole
  Curvature curvature = Curvature::kExact;

  // Outputs. gradient and hessian are with respect to `logits`.
  double* probabilities = nullptr;
  double* one_minus_probabilities = nullptr;
  double* gradient = nullptr;
  double* hessian = nullptr;    // may be null
  double* workspace = nullptr;  // 2 * padded_count
  double loss = 0;
  double log_sum_exp = 0;
};

// What scales one element of a sigmoid, beside the form.
template <typename T>
struct ElementFactors {
  T positive_weight = 1;  // a where the label is 1
  T negative_weight = 1;  // a where it is 0
  T sample_weight = 1;    // scales the loss
  T gradient_scale = 1;   // scales the gradient, beside the weight
  T hessian_scale = 1;    // scales the Hessian, beside the weight
};

// Elements of a sigmoid with hard 0/1 labels: the fast path. All arrays are [count].
template <typename T>
struct BinaryElements {
  const T* logits = nullptr;
  int64_t count = 0;
  const T* sign = nullptr;  // 1 where the label is 1, else -1

  // The factors of all elements, or, where `weight` is set, columns with those of each; a weight of
  // 0 (an ignored element) makes loss and derivatives 0.
  ElementFactors<T> factors;
  const T* weight = nullptr;
  const T* sample_weight = nullptr;
  const T* gradient_scale = nullptr;
  const T* hessian_scale = nullptr;
  Curvature curvature = Curvature::kExact;
  Stores stores = Stores::kCached;  // of the gradient

  // Outputs; each may be null.
  T* losses = nullptr;
  T* gradient = nullptr;
  T* hessian = nullptr;
  T* probabilities = nullptr;
  T* true_probability = nullptr;
  T* true_gradient = nullptr;  // phi' (1 - p_t), without any weight
};

// Elements of a sigmoid with any target, in double. All arrays are [padded_count].
struct DenseElements {
  int64_t count = 0;
  const double* logits = nullptr;
  const double* positive_weight = nullptr;  // a1 = weight of "yes" times target
  const double* negative_weight = nullptr;  // a0
  const double* targets = nullptr;          // y
  const double* whole_weight = nullptr;     // forms with Weighting::kWhole
  Curvature curvature = Curvature::kExact;

  double* losses = nullptr;
  double* gradient = nullptr;
  double* hessian = nullptr;
  double* probabilities = nullptr;
  double* one_minus_probabilities = nullptr;
};

// One form's kernels. Null: the form has no fast path, and the dense kernel serves it.
struct FormKernels {
  void (*class_id_rows_f32)(const ClassIdRows<float>&, const FormParameters&) = nullptr;
  void (*class_id_rows_f64)(const ClassIdRows<double>&, const FormParameters&) = nullptr;
  void (*dense_row)(DenseRow&, const FormParameters&) = nullptr;
  void (*binary_elements_f32)(const BinaryElements<float>&, const FormParameters&) = nullptr;
  void (*binary_elements_f64)(const BinaryElements<double>&, const FormParameters&) = nullptr;
  void (*dense_elements)(const DenseElements&, const FormParameters&) = nullptr;
};

// Sums in double, in an order that depends on the number of values alone.
struct Sums {
  double (*of_f32)(const float* values, int64_t count) = nullptr;
  double (*of_f64)(const double* values, int64_t count) = nullptr;
};

// Make the signs of BinaryElements: 1 for 1, -1 for 0, and either for what is neither.
template <typename T>
struct Signs {
  // Return how many of the targets are 0 or 1. At most 2^31 - 1 at once.
  int64_t (*of_f32)(const float* targets, int64_t count, T* signs) = nullptr;
  int64_t (*of_f64)(const double* targets, int64_t count, T* signs) = nullptr;
  void (*of_labels)(const int64_t* labels, int64_t count, T* signs) = nullptr;
};

// Rows of the table, in the order of AllForms.
int FormCount();
const FormInfo& FormAt(int index);

// The kernels of row `index` for the best instruction set that this CPU has, or the one named by
// the environment variable LOSSD_SIMD (sse2, avx2, avx512) when the CPU has it.
const FormKernels& KernelsAt(int index);

// Of the same set.
const Sums& CurrentSums();
template <typename T>
const Signs<T>& CurrentSigns();
template <>
const Signs<float>& CurrentSigns();
template <>
const Signs<double>& CurrentSigns();

// To be called by the thread that ran the kernels; too slow for every call of them.
void FinishStreaming(Stores stores);

// "AVX-512", "AVX2+FMA" or "SSE2".
const char* InstructionSetName();

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_KERNELS_H_
