#ifndef LOSSD_SERVER_KERNELS_ROWS_SOFTMAX_ROW_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SOFTMAX_ROW_INL_H_

#include <cstdint>

#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/row_writer-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/softmax_row.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

template <typename Arch>
class SoftmaxRowKernel {
 public:
  LOSSD_FLATTEN static void Run(const SoftmaxRow& row) {
    const int64_t size = PaddedSize(row.class_count);
    NoWriter no_writer;
    const HeldOut<double> held =
        RowPasses<double, Arch>::Reduce(row.logits, size, row.probabilities, no_writer);
    const LogOnePlus<D> one_plus_rest = LogOnePlusOf<double>(D(held.rest));
    for (int64_t j = 0; j < size; j += kWidth) {
      const D e = D::load_unaligned(row.probabilities + j);
      D(e * one_plus_rest.inverse).store_unaligned(row.probabilities + j);
      const D below = D::load_unaligned(row.logits + j) - D(held.max);
      D(below - one_plus_rest.log).store_unaligned(row.log_probabilities + j);
    }
  }

 private:
  using D = Lanes<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(D::size);
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SOFTMAX_ROW_INL_H_
