#ifndef LOSSD_SERVER_KERNELS_ROWS_CAPPED_LOGITS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_CAPPED_LOGITS_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/rows/shaped_chunk-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/softcap-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// What a row's derivatives by z have beside those by x, where logits are capped.
template <typename T>
struct CapDerivatives {
  T* slopes = nullptr;  // 1 − tanh²
  T* tanhs = nullptr;   // for the Hessian; may be null
};

// Where the slopes of capped logits go: into what is kept of the exponentials, e · slope, or where
// CapDerivatives says.
enum class CapSlopes { kMultiply, kApart };

// Capped logits that nothing but a factor changes, in registers, and their exponentials, those of
// the largest taken away. A softcap keeps the order of logits: the largest is that of the logits.
template <typename V>
class CappedDifferences {
 public:
  using T = typename V::value_type;

  CappedDifferences(const Softcap<V>& softcap, const Factor<V>& scale)
      : softcap_(softcap), scale_(scale) {}

  // The parts of a capped logit, of which differences are taken before anything is rounded.
  struct Parts {
    V base;
    V addend;
  };

  LOSSD_ALWAYS_INLINE Parts PartsOf(const CappedLogit<V>& capped) const {
    return {capped.base, V(capped.rest * scale_.high)};
  }

  // Caps the logits z, and finds their differences to the largest, and the exponentials of these.
  template <CapRange kRange>
  LOSSD_ALWAYS_INLINE CappedLogit<V> Find(const V& z, const Parts& largest, V& x, V& e) const {
    const CappedLogit<V> capped = softcap_.template Of<kRange>(z);
    const Parts own = PartsOf(capped);
    const V d = own.base - largest.base;
    const V c = own.addend - largest.addend;
    x = xsimd::fma(d, scale_.high, c);
    // Parts that cancel leave a rounding, which would be added in another order by each width.
    e = xsimd::select(x == V(T(0)), V(T(1)), ExpOfScaled(d, scale_, c, x));
    return capped;
  }

  const Softcap<V>& softcap() const { return softcap_; }

 private:
  Softcap<V> softcap_;
  Factor<V> scale_;
};

// Capped logits of a chunk, as RowPasses takes them.
template <typename T, typename Arch, CapSlopes kSlopes, CapRange kRange>
class CappedLogits {
 public:
  using V = Lanes<T, Arch>;

  CappedLogits(const T* z, const ShapedLogit<T>& largest, const CappedDifferences<V>& differences,
               const CapDerivatives<T>& derivatives)
      : z_(z),
        largest_{V(largest.base), V(largest.addend)},
        differences_(differences),
        derivatives_(derivatives) {}

  LOSSD_ALWAYS_INLINE V Find(int64_t j, V& x, V& e) const {
    const CappedLogit<V> capped =
        differences_.template Find<kRange>(V::load_unaligned(z_ + j), largest_, x, e);
    if constexpr (kSlopes == CapSlopes::kMultiply) return e * capped.slope;
    capped.slope.store_unaligned(derivatives_.slopes + j);
    if (derivatives_.tanhs != nullptr) capped.tanh.store_unaligned(derivatives_.tanhs + j);
    return e;
  }
  LOSSD_ALWAYS_INLINE void PrefetchNext(int64_t j) const { Prefetch(z_ + j + kChunkClasses); }

  // Returns the same from logit `begin` on.
  CappedLogits From(int64_t begin) const {
    CappedLogits rest = *this;
    rest.z_ += begin;
    if (rest.derivatives_.slopes != nullptr) rest.derivatives_.slopes += begin;
    if (rest.derivatives_.tanhs != nullptr) rest.derivatives_.tanhs += begin;
    return rest;
  }

  // Returns the same of fewer than kLanes logits, which `memory` holds, followed by −∞. Their
  // derivatives have room for kLanes.
  CappedLogits Padded(int64_t count, T* memory) const {
    std::fill(memory, memory + kLanes, -kInfinity<T>);
    std::memcpy(memory, static_cast<const void*>(z_), static_cast<size_t>(count) * sizeof(T));
    CappedLogits padded = *this;
    padded.z_ = memory;
    return padded;
  }
  static constexpr int64_t kPaddedMemory = kLanes;

 private:
  const T* z_;
  typename CappedDifferences<V>::Parts largest_;
  CappedDifferences<V> differences_;
  CapDerivatives<T> derivatives_;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_CAPPED_LOGITS_INL_H_
