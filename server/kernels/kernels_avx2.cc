#include "server/kernels/kernel_table.h"
#include "server/kernels/table-inl.h"

namespace lossd::kernels {

KernelTable Avx2Kernels() { return MakeTable<xsimd::fma3<xsimd::avx2>>(AllForms{}); }

}  // namespace lossd::kernels
