#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_LOGITS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_LOGITS_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/signed_unit-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// A shaped logit, scale · base + addend, in its parts: their differences to those of the largest
// are taken before anything is rounded.
template <typename T>
struct ShapedLogit {
  // Returns this less the other.
  double Minus(const ShapedLogit& other, double scale) const {
    // The same infinity twice has no difference, and is not the largest of a row that has one.
    return (static_cast<double>(base) - static_cast<double>(other.base)) * scale +
           (static_cast<double>(addend) - static_cast<double>(other.addend));
  }
  double Value(double scale) const {
    return static_cast<double>(base) * scale + static_cast<double>(addend);
  }

  T base = -kInfinity<T>;
  T addend = 0;
};

// Shaped logits of a chunk as their exponentials need them: less the largest. `addends` is null
// where there are none.
template <typename T, typename Arch, bool kHasAddends>
class ShapedLogits {
 public:
  using V = Lanes<T, Arch>;

  ShapedLogits(const T* bases, const T* addends, const ShapedLogit<T>& largest,
               const Factor<V>& scale)
      : bases_(bases),
        addends_(addends),
        base_of_largest_(largest.base),
        addend_of_largest_(largest.addend),
        scale_(scale) {}

  LOSSD_ALWAYS_INLINE V Difference(int64_t j) const {
    return V::load_unaligned(bases_ + j) - base_of_largest_;
  }
  LOSSD_ALWAYS_INLINE V AddendDifference(int64_t j) const {
    if constexpr (!kHasAddends) return V(T(0));
    return V::load_unaligned(addends_ + j) - addend_of_largest_;
  }

  LOSSD_ALWAYS_INLINE V Find(int64_t j, V& x, V& e) const {
    V minus_one;
    FindParts(j, x, e, minus_one);
    return e;
  }
  LOSSD_ALWAYS_INLINE void FindParts(int64_t j, V& x, V& e, V& minus_one) const {
    const V d = Difference(j);
    const V c = AddendDifference(j);
    x = xsimd::fma(d, scale_.high, c);
    e = ExpOfScaled(d, scale_, c, x, minus_one);
    if constexpr (!kHasAddends) return;
    // Parts that cancel leave a rounding, which would be added in another order by each width.
    const auto is_largest = x == V(T(0));
    e = xsimd::select(is_largest, V(T(1)), e);
    minus_one = ZeroWhere(is_largest, minus_one);
  }
  LOSSD_ALWAYS_INLINE void PrefetchNext(int64_t j) const { Prefetch(bases_ + j + kChunkClasses); }

  // Returns the same from logit `begin` on.
  ShapedLogits From(int64_t begin) const {
    ShapedLogits rest = *this;
    rest.bases_ += begin;
    if constexpr (kHasAddends) rest.addends_ += begin;
    return rest;
  }

  // Returns the same of fewer than kLanes logits, which `memory` holds, followed by −∞.
  ShapedLogits Padded(int64_t count, T* memory) const {
    const auto bytes = static_cast<size_t>(count) * sizeof(T);
    std::fill(memory, memory + kLanes, -kInfinity<T>);
    std::fill(memory + kLanes, memory + 2 * kLanes, T(0));
    std::memcpy(memory, static_cast<const void*>(bases_), bytes);
    if constexpr (kHasAddends) std::memcpy(memory + kLanes, addends_, bytes);
    ShapedLogits padded = *this;
    padded.bases_ = memory;
    padded.addends_ = memory + kLanes;
    return padded;
  }
  static constexpr int64_t kPaddedMemory = 2 * kLanes;

 private:
  const T* bases_;
  const T* addends_;
  V base_of_largest_;
  V addend_of_largest_;
  Factor<V> scale_;
};

// Logits whose exponentials are kept as SignedUnit.
template <typename Logits>
class SignedLogits {
 public:
  using V = typename Logits::V;

  explicit SignedLogits(const Logits& logits) : logits_(logits) {}

  LOSSD_ALWAYS_INLINE V Find(int64_t j, V& x, V& e) const {
    V minus_one;
    logits_.FindParts(j, x, e, minus_one);
    return SignedUnit(x, e, minus_one);
  }
  LOSSD_ALWAYS_INLINE void PrefetchNext(int64_t j) const { logits_.PrefetchNext(j); }
  SignedLogits From(int64_t begin) const { return SignedLogits(logits_.From(begin)); }
  template <typename T>
  SignedLogits Padded(int64_t count, T* memory) const {
    return SignedLogits(logits_.Padded(count, memory));
  }
  static constexpr int64_t kPaddedMemory = Logits::kPaddedMemory;

 private:
  Logits logits_;
};

// A scale as a T, and what is left of one that is beyond T's range: a product of T's with the first
// and then with the second stays in the range where its result does.
template <typename T>
struct SplitScale {
  explicit SplitScale(double scale) {
    constexpr double kMost = sizeof(T) == sizeof(float) ? 0x1p120 : 0x1p1023;
    const double within = std::clamp(scale, -kMost, kMost);
    first = static_cast<T>(within);
    second = static_cast<T>(within == 0 ? 1 : scale / within);
  }

  T first;
  T second;  // 1 for ordinary scales
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_LOGITS_INL_H_
