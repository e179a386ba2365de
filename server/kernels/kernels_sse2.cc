#include "server/kernels/kernel_table.h"
#include "server/kernels/sum-inl.h"
#include "server/kernels/table-inl.h"

namespace lossd::kernels {

KernelTable Sse2Kernels() { return MakeTable<xsimd::sse2>(AllForms{}); }

Sums Sse2Sums() { return MakeSums<xsimd::sse2>(); }

}  // namespace lossd::kernels
