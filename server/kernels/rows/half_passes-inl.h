#ifndef LOSSD_SERVER_KERNELS_ROWS_HALF_PASSES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_HALF_PASSES_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/float_format.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/half_line-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// What PlainLogits is, of numbers of 16 bits.
template <FloatFormat kFormat, typename Arch>
class HalfLogits {
 public:
  using V = Lanes<float, Arch>;
  using Line = HalfLine<Arch>;

  HalfLogits(const char* z, float max) : z_(z), max_(max) {}

  LOSSD_ALWAYS_INLINE V Find(int64_t j, V& x, V& e) const {
    x = Load(j) - max_;
    e = ExpNonPositive(x);
    return e;
  }
  LOSSD_ALWAYS_INLINE void PrefetchNext(int64_t j) const {
    Prefetch(z_ + (j + kChunkClasses) * Line::kSize);
  }

  PlainLogits<float, Arch> Padded(int64_t count, float* memory) const {
    std::fill(memory, memory + kLanes, -kInfinity<float>);
    HalfFloatKernel<Arch>::Widen(kFormat, z_, count, memory);
    return PlainLogits<float, Arch>(memory, First(max_));
  }
  static constexpr int64_t kPaddedMemory = kLanes;

 private:
  LOSSD_ALWAYS_INLINE V Load(int64_t j) const {
    return Line::template Load<kFormat>(z_ + j * Line::kSize);
  }

  const char* z_;
  V max_;
};

// Passes over at most kChunkClasses logits of 16 bits, which need not be aligned as their type.
// They become floats in registers.
template <FloatFormat kFormat, typename Arch>
class HalfPasses {
 public:
  // Does what RowPasses::Reduce does.
  template <typename Writer>
  LOSSD_NOINLINE static HeldOut<float> Reduce(const char* z, int64_t count, float* exps,
                                              Writer& writer) {
    HeldOut<float> held;
    held.max = Max(z, count);
    const bool any = held.max != -kInfinity<float>;
    const HalfLogits<kFormat, Arch> logits(z, any ? held.max : 0.0F);
    held.rest = Passes::ReduceExps(logits, count, any, exps, writer);
    return held;
  }

 private:
  using V = Lanes<float, Arch>;
  using Line = HalfLine<Arch>;
  using Passes = RowPasses<float, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);

  // Returns the largest; NaN never is.
  static float Max(const char* z, int64_t count) {
    if (count < kLanes) {
      float widened[kLanes];
      HalfFloatKernel<Arch>::Widen(kFormat, z, count, widened);
      return Passes::Max(widened, count);
    }
    const auto load = [z](int64_t j) LOSSD_ALWAYS_INLINE {
      return Line::template Load<kFormat>(z + j * Line::kSize);
    };
    V max[4] = {V(-kInfinity<float>), V(-kInfinity<float>), V(-kInfinity<float>),
                V(-kInfinity<float>)};
    int64_t j = 0;
    for (; j + 4 * kWidth <= count; j += 4 * kWidth) {
      for (int64_t k = 0; k < 4; ++k) max[k] = MaxOf(load(j + k * kWidth), max[k]);
    }
    for (; j + kWidth <= count; j += kWidth) max[0] = MaxOf(load(j), max[0]);
    max[0] = MaxOf(load(count - kWidth), max[0]);
    for (int64_t k = 1; k < 4; ++k) max[0] = MaxOf(max[k], max[0]);
    return LargestOf(max[0]);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_HALF_PASSES_INL_H_
