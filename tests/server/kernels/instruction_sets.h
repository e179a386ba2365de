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

// Tests of the kernels themselves: which memory they touch, and that AVX2 and AVX-512 give the same
// bits. The tests of the losses compare what they compute with the oracle.
namespace lossd::kernels {

struct InstructionSet {
  std::string name;
  KernelTable kernels;
};

// Returns the sets that this CPU has, from the least to the best.
std::vector<InstructionSet> SupportedSets();

// Returns the defaults of the form's parameters.
FormParameters Defaults(const FormInfo& form);

// An array that begins with a cache line.
template <typename T>
using Array = std::vector<T, xsimd::aligned_allocator<T, 64>>;

// Expects the same bits, but for the sign of a zero or a NaN, which differs by instruction set.
template <typename T>
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
