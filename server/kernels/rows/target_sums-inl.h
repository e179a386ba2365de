#ifndef LOSSD_SERVER_KERNELS_ROWS_TARGET_SUMS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TARGET_SUMS_INL_H_

#include <cstdint>
#include <type_traits>

#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/target_form-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/logarithm-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/sum-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Returns log y of targets, anything where y is 0.
template <typename V>
LOSSD_ALWAYS_INLINE inline V LogOfTarget(const V& y) {
  if constexpr (std::is_same_v<typename V::value_type, float>) {
    return LogOfSum(y, V(y - V(1.0F)));
  } else {
    return xsimd::log(y);
  }
}

// The softmax of a chunk of classes, or of a row, its largest logit held out, with the sums of its
// weighted targets a_k.
template <typename T>
struct TargetHeldOut {
  T max = -kInfinity<T>;
  double rest = 0;
  int64_t largest = -1;       // class m; -1: several are as large, and none is held out
  double largest_target = 0;  // a_m
  double other_targets = 0;   // Σ_{k≠m} a_k
  double logit_sum = 0;       // Σ_k a_k (x_k − x_m)
};

// What makes targets the weighted ones of a row: a_k = w_k (keep t_k + spread).
template <typename T>
struct TargetMaking {
  T keep = 1;
  T spread = 0;
  const T* weights = nullptr;  // null: all are 1
};

// Sums of a form's terms.
struct TermSums {
  double value = 0;
  double slope = 0;
};

// What a chunk's terms have in common.
template <typename T>
struct TermPoint {
  T log_sum = 0;             // log p = x − this
  T factor = 1;              // p = e · this
  bool has_largest = false;  // the class whose x is 0 has its terms elsewhere
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TARGET_SUMS_INL_H_
