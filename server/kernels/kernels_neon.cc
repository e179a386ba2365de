#include "server/kernels/kernel_table.h"
#include "server/kernels/sum-inl.h"
#include "server/kernels/table-inl.h"

namespace lossd::kernels {

KernelTable NeonKernels() { return MakeTable<xsimd::neon64>(AllForms{}); }

Sums NeonSums() { return MakeSums<xsimd::neon64>(); }

}  // namespace lossd::kernels
