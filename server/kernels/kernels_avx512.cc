#include "server/kernels/kernel_table.h"
#include "server/kernels/table-inl.h"

namespace lossd::kernels {

KernelTable Avx512Kernels() { return MakeTable<xsimd::avx512bw>(AllForms{}); }

}  // namespace lossd::kernels
