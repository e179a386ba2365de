#ifndef LOSSD_SERVER_KERNELS_DISPATCH_H_
#define LOSSD_SERVER_KERNELS_DISPATCH_H_

#include "server/kernels/form_info.h"
#include "server/kernels/form_kernels.h"
#include "server/kernels/half_floats.h"
#include "server/kernels/largest.h"
#include "server/kernels/policy_tokens.h"
#include "server/kernels/row_outcomes.h"
#include "server/kernels/signs.h"
#include "server/kernels/softmax_row.h"
#include "server/kernels/sums.h"

// Chooses kernels for the best instruction set that this CPU has, or for the one named by the
// environment variable LOSSD_SIMD (sse2, avx2, avx512, neon) when the CPU has it.
namespace lossd::kernels {

// Return the number of rows in the table, and a row, in the order of AllForms.
int FormCount();
const FormInfo& FormAt(int index);

// Returns the kernels of row `index`.
const FormKernels& KernelsAt(int index);

const SumKernels& CurrentSums();
const LargestKernels& CurrentLargest();
const RowOutcomeKernels& CurrentOutcomes();
const HalfFloatKernels& CurrentHalfFloats();
const TokenKernels& CurrentTokens();

// Writes a row's probabilities and their logarithms.
void ComputeSoftmaxRow(const SoftmaxRow& row);

template <typename T>
const SignKernels<T>& CurrentSigns();
template <>
const SignKernels<float>& CurrentSigns();
template <>
const SignKernels<double>& CurrentSigns();

// Returns "AVX-512", "AVX2+FMA", "SSE2" or "NEON".
const char* InstructionSetName();

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_DISPATCH_H_
