#ifndef LOSSD_SERVER_KERNELS_SIMD_LANES_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_LANES_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/inlining.h"
#include "server/kernels/workspace.h"

// Only the kernels include this file; they are compiled once for each instruction set. Everything
// here is always inline, or a template of the architecture: each set's code has names of its own,
// and the linker cannot pick AVX-512 code for a CPU that lacks it.
namespace lossd::kernels {

// A SIMD register.
template <typename T, typename Arch>
using Lanes = xsimd::batch<T, Arch>;

template <typename T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();

// kLanes partial sums in as many registers as the width needs. The order of additions does not
// depend on the width: element i goes to lane i % kLanes, and lanes are added pairwise.
template <typename T, typename Arch>
class LaneSum {
 public:
  using V = Lanes<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kRegisters = kLanes / kWidth;

  LaneSum() {
    for (V& v : sums_) v = V(T(0));
  }

  void Add(int64_t register_index, const V& value) { sums_[register_index] += value; }

  // Adds the lanes to `totals` and sets them to 0.
  void Flush(double* totals) {
    alignas(64) T lanes[kLanes];
    for (int64_t k = 0; k < kRegisters; ++k) {
      sums_[k].store_aligned(lanes + k * kWidth);
      sums_[k] = V(T(0));
    }
    for (int64_t i = 0; i < kLanes; ++i) totals[i] += static_cast<double>(lanes[i]);
  }

  // Returns the sum of all lanes and sets them to 0.
  double Total() {
    alignas(64) double totals[kLanes] = {};
    Flush(totals);
    return Reduce(totals);
  }

  // Returns the sum of `totals` [kLanes], which are aligned to 64 bytes, and overwrites them.
  static double Reduce(double* totals) {
    using D = Lanes<double, Arch>;
    constexpr auto kSize = static_cast<int64_t>(D::size);
    constexpr int64_t kParts = kLanes / kSize;
    D sums[static_cast<size_t>(kParts)];
    for (int64_t k = 0; k < kParts; ++k) sums[k] = D::load_aligned(totals + k * kSize);
    for (int64_t half = kParts / 2; half >= 1; half /= 2) {
      for (int64_t k = 0; k < half; ++k) sums[k] += sums[k + half];
    }
    sums[0].store_aligned(totals);
    if constexpr (kSize >= 8) AddSecondHalf<4>(totals);
    if constexpr (kSize >= 4) AddSecondHalf<2>(totals);
    if constexpr (kSize >= 2) AddSecondHalf<1>(totals);
    return totals[0];
  }

 private:
  // Takes its end as a constant, so that the compiler unrolls the loop.
  template <int64_t kHalf>
  LOSSD_ALWAYS_INLINE static void AddSecondHalf(double* totals) {
    for (int64_t i = 0; i < kHalf; ++i) totals[i] += totals[i + kHalf];
  }

  V sums_[static_cast<size_t>(kRegisters)];
};

// Returns the first lane.
template <typename V>
inline typename V::value_type First(const V& v) {
  alignas(64) typename V::value_type lanes[V::size];
  v.store_aligned(lanes);
  return lanes[0];
}

// Returns the largest lane; none is NaN.
template <typename V>
inline typename V::value_type LargestOf(const V& v) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<typename V::value_type, float>) {
    return _mm512_reduce_max_ps(v);
  } else {
    return _mm512_reduce_max_pd(v);
  }
#else
  alignas(64) typename V::value_type lanes[V::size];
  v.store_aligned(lanes);
  auto largest = lanes[0];
  for (size_t i = 1; i < V::size; ++i) largest = std::max(largest, lanes[i]);
  return largest;
#endif
}

inline constexpr uintptr_t kLineBytes = 64;  // the bytes of a cache line

// Returns how many elements there are from `at`, aligned as its type, to where a line begins.
template <typename T>
LOSSD_ALWAYS_INLINE inline int64_t ElementsToLine(const T* at) {
  const uintptr_t past_line = reinterpret_cast<uintptr_t>(at) % kLineBytes;
  return static_cast<int64_t>((kLineBytes - past_line) % kLineBytes / sizeof(T));
}

template <typename T>
LOSSD_ALWAYS_INLINE inline bool OnLine(const T* at) {
  return reinterpret_cast<uintptr_t>(at) % kLineBytes == 0;
}

// Asks for the cache line at `address`, which need not be memory of this process. It is always
// inline: GCC finds that a function which only prefetches does nothing, and drops calls of it.
LOSSD_ALWAYS_INLINE inline void Prefetch(const void* address) { __builtin_prefetch(address); }

// Stores a whole register past the caches; `to` is aligned to 64 bytes.
#if defined(__AVX512F__)
inline void StoreStreaming(const Lanes<float, xsimd::avx512bw>& v, float* to) {
  _mm512_stream_ps(to, v);
}
inline void StoreStreaming(const Lanes<double, xsimd::avx512bw>& v, double* to) {
  _mm512_stream_pd(to, v);
}
#elif defined(__AVX2__)
inline void StoreStreaming(const Lanes<float, xsimd::fma3<xsimd::avx2> >& v, float* to) {
  _mm256_stream_ps(to, v);
}
inline void StoreStreaming(const Lanes<double, xsimd::fma3<xsimd::avx2> >& v, double* to) {
  _mm256_stream_pd(to, v);
}
#else
template <typename V>
inline void StoreStreaming(const V& v, typename V::value_type* to) {
  v.store_unaligned(to);
}
#endif

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_LANES_INL_H_
