#include "server/kernels/kernel_table.h"
#include "server/kernels/table-inl.h"

namespace lossd::kernels {

KernelTable Sse2Kernels() { return MakeTable<xsimd::sse2>(AllForms{}); }

}  // namespace lossd::kernels
