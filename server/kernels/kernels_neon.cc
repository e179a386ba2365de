#include "server/kernels/kernel_table.h"
#include "server/kernels/table-inl.h"

namespace lossd::kernels {

KernelTable NeonKernels() { return MakeTable<xsimd::neon64>(AllForms{}); }

}  // namespace lossd::kernels
