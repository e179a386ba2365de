#ifndef LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_
#define LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_

#include <array>
#include <cstddef>

#include "server/kernels/forms/all.h"
#include "server/kernels/kernels.h"

namespace lossd::kernels {

// Everything that is compiled for one instruction set.
struct KernelTable {
  std::array<FormKernels, static_cast<size_t>(AllForms::kSize)> forms;  // in the order of AllForms
  Sums sums;
  Signs<float> signs_f32;
  Signs<double> signs_f64;
};

// One file each, compiled with that set's flags. Call none that the CPU lacks.
KernelTable Sse2Kernels();
KernelTable Avx2Kernels();
KernelTable Avx512Kernels();
KernelTable NeonKernels();

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_
