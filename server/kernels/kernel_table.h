#ifndef LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_
#define LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_

#include <array>
#include <cstddef>

#include "server/kernels/form_kernels.h"
#include "server/kernels/forms/all.h"
#include "server/kernels/half_floats.h"
#include "server/kernels/largest.h"
#include "server/kernels/policy_tokens.h"
#include "server/kernels/row_outcomes.h"
#include "server/kernels/signs.h"
#include "server/kernels/softmax_row.h"
#include "server/kernels/sums.h"

namespace lossd::kernels {

// Everything that is compiled for one instruction set.
struct KernelTable {
  std::array<FormKernels, static_cast<size_t>(AllForms::kSize)> forms;  // in the order of AllForms
  SumKernels sums;
  LargestKernels largest;
  RowOutcomeKernels outcomes;
  HalfFloatKernels half_floats;
  SignKernels<float> signs_f32;
  SignKernels<double> signs_f64;
  TokenKernels tokens;
  void (*softmax_row)(const SoftmaxRow&);
};

// Each is defined in a file of its own, compiled with that set's flags. A caller calls none that
// the CPU lacks.
KernelTable Sse2Kernels();
KernelTable Avx2Kernels();
KernelTable Avx512Kernels();
KernelTable NeonKernels();

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_
