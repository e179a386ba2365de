#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_GROUP_FACTORS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_GROUP_FACTORS_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/hessian.h"
#include "server/kernels/row_shape.h"
#include "server/kernels/rows/shaped_group-inl.h"
#include "server/kernels/rows/truth_form-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"

// Loads the weights and the scales of the rows of a ShapedGroup.

namespace lossd::kernels {

template <typename T, typename Arch, size_t kRows>
inline void ShapedGroup<T, Arch, kRows>::LoadFactors(const ClassIdRows<T>& rows,
                                                     const RowShape<T>& shape, int64_t begin,
                                                     int64_t size) {
  // Derivatives are by z.
  const double by_z = shape.scale;
  if (rows.class_weight == nullptr || rows.sample_weight == nullptr) {
    const RowFactors& f = rows.factors;
    if (rows.class_weight == nullptr) {
      std::fill(class_weight_, class_weight_ + kRows, f.class_weight);
    } else {
      std::copy(rows.class_weight + begin, rows.class_weight + begin + size, class_weight_);
      FillPast(size, class_weight_);
    }
    std::fill(sample_weight_, sample_weight_ + kRows, f.sample_weight);
    std::fill(gradient_scale, gradient_scale + kRows, f.gradient_scale * by_z);
    std::fill(hessian_scale, hessian_scale + kRows, f.hessian_scale * by_z * by_z);
    return;
  }
  for (int64_t i = 0; i < size; ++i) {
    class_weight_[i] = rows.class_weight[begin + i];
    sample_weight_[i] = rows.sample_weight[begin + i];
    gradient_scale[i] = rows.gradient_scale[begin + i] * by_z;
    hessian_scale[i] = rows.hessian_scale[begin + i] * by_z * by_z;
  }
  for (double* const column : {class_weight_, sample_weight_}) FillPast(size, column);
  for (double* const column : {gradient_scale, hessian_scale}) FillPast(size, column);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_GROUP_FACTORS_INL_H_
