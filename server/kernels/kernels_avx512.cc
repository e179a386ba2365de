#include "server/kernels/avx512_fma.h"
#include "server/kernels/kernel_table.h"
#include "server/kernels/sum-inl.h"
#include "server/kernels/table-inl.h"

namespace lossd::kernels {

KernelTable Avx512Kernels() { return MakeTable<xsimd::avx512bw>(AllForms{}); }

Sums Avx512Sums() { return MakeSums<xsimd::avx512bw>(); }

}  // namespace lossd::kernels
