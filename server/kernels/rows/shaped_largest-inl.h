#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_LARGEST_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_LARGEST_INL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/shaped_chunk-inl.h"
#include "server/kernels/rows/shaped_logits-inl.h"
#include "server/kernels/rows/shaped_terms-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/signed_unit-inl.h"
#include "server/kernels/workspace.h"

// Finds the largest of shaped logits.

namespace lossd::kernels {

template <typename T, typename Arch>
inline ShapedLogit<T> ShapedPasses<T, Arch>::FindLargest(const T* bases, const T* addends,
                                                         int64_t count, const Factor<V>& scale) {
  ShapedLogit<T> largest;
  const T base = Passes::Max(bases, count);
  if (addends == nullptr || base == -kInfinity<T> || base == kInfinity<T>) {
    largest.base = base;
    return largest;
  }
  // Less the largest base, they do not overflow, and are rounded the less the larger they are.
  const auto value = [&, top = V(base)](const V& b, const V& a)
                         LOSSD_ALWAYS_INLINE { return xsimd::fma(V(b - top), scale.high, a); };
  alignas(64) T values[kChunkClasses];
  V tops[static_cast<size_t>(kRegisters)];
  for (V& v : tops) v = V(-kInfinity<T>);
  ForEachRegister(count, [&](int64_t j, int64_t k, int64_t left) LOSSD_ALWAYS_INLINE {
    V v = value(LoadFirst(bases + j, left), LoadFirst(addends + j, left));
    StoreFirst(v, left, values + j);
    if (left < kWidth) {
      v = V(-kInfinity<T>);
      for (int64_t i = 0; i < left; ++i) v = MaxOf(V(values[j + i]), v);
    }
    tops[k] = MaxOf(v, tops[k]);
  });
  for (int64_t k = 1; k < kRegisters; ++k) tops[0] = MaxOf(tops[k], tops[0]);
  const T top = LargestOf(tops[0]);
  if (top == -kInfinity<T>) return largest;
  const int64_t m = Passes::FirstEqual(values, count, top);
  return {Load<Arch>(bases + m), addends[m]};
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_LARGEST_INL_H_
