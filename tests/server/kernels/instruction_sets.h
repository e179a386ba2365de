#ifndef LOSSD_TESTS_SERVER_KERNELS_INSTRUCTION_SETS_H_
#define LOSSD_TESTS_SERVER_KERNELS_INSTRUCTION_SETS_H_

#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "gtest/gtest.h"
#include "server/kernels/kernel_table.h"

// The contract of the kernels themselves: which memory they touch, and that every instruction set
// of one virtual width gives the same bits. What they compute is held against the oracle through
// the losses that are built on them.
namespace lossd::kernels {

struct InstructionSet {
  std::string name;
  KernelTable kernels;
};

// Those that this CPU has, from the least to the best.
std::vector<InstructionSet> SupportedSets();

FormParameters Defaults(const FormInfo& form);

// Begins with a cache line.
template <class T>
using Array = std::vector<T, xsimd::aligned_allocator<T, 64>>;

// Bit for bit, but for the sign of a zero or a NaN, which the sets' negations give differently.
template <class T>
void ExpectSameBits(const Array<T>& a, const Array<T>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t n = 0; n < a.size(); ++n) {
    const bool both_are_zero = a[n] == 0 && b[n] == 0;
    const bool both_are_nan = std::isnan(a[n]) && std::isnan(b[n]);
    if (both_are_zero || both_are_nan || std::memcmp(&a[n], &b[n], sizeof(T)) == 0) continue;
    ADD_FAILURE() << what << "[" << n << "]: " << testing::PrintToString(a[n]) << " and "
                  << testing::PrintToString(b[n]);
    return;
  }
}

}  // namespace lossd::kernels

#endif  // LOSSD_TESTS_SERVER_KERNELS_INSTRUCTION_SETS_H_
