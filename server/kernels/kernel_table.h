#ifndef LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_
#define LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_

#include <array>
#include <cstddef>

#include "server/kernels/forms/all.h"
#include "server/kernels/kernels.h"

namespace lossd::kernels {

// The kernels of every form, in the order of AllForms, for one instruction set.
using KernelTable = std::array<FormKernels, static_cast<size_t>(AllForms::kSize)>;

// One file each, compiled with that set's flags. Call none that the CPU lacks.
KernelTable Sse2Kernels();
KernelTable Avx2Kernels();
KernelTable Avx512Kernels();
KernelTable NeonKernels();
Sums Sse2Sums();
Sums Avx2Sums();
Sums Avx512Sums();
Sums NeonSums();

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_KERNEL_TABLE_H_
