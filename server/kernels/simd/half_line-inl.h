#ifndef LOSSD_SERVER_KERNELS_SIMD_HALF_LINE_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_HALF_LINE_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/float_format.h"
#include "server/kernels/half_float.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// kLanes numbers of 16 bits, half a line of the cache, and the same as floats in registers.
template <typename Arch>
class HalfLine {
 public:
  using V = Lanes<float, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kRegisters = kLanes / kWidth;
  static constexpr auto kSize = static_cast<int64_t>(sizeof(uint16_t));
  static constexpr int64_t kBytes = kLanes * kSize;

  // Returns the numbers at `from`, as many as a register holds.
  template <FloatFormat kFormat>
  LOSSD_ALWAYS_INLINE static V Load(const char* from) {
#if defined(__AVX512F__)
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    if constexpr (kFormat == FloatFormat::kFloat16) return _mm512_cvtph_ps(bits);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
#else
#if defined(__AVX2__)
    if constexpr (kFormat == FloatFormat::kBfloat16) {
      const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
    }
#endif
    uint16_t bits[V::size];
    alignas(64) float floats[V::size];
    std::memcpy(bits, from, sizeof(bits));
    for (size_t i = 0; i < V::size; ++i) {
      floats[i] =
          kFormat == FloatFormat::kBfloat16 ? Bfloat16ToFloat(bits[i]) : Float16ToFloat(bits[i]);
    }
    return V::load_aligned(floats);
#endif
  }

  // Rounds kLanes floats to the numbers at `to`, which are aligned to kBytes if they are streamed.
  template <FloatFormat kFormat>
  LOSSD_ALWAYS_INLINE static void Narrow(const V* from, Stores stores, char* to) {
#if defined(__AVX512F__)
    Store(Rounded<kFormat>(from[0]), stores, to);
#else
#if defined(__AVX2__)
    if constexpr (kFormat == FloatFormat::kBfloat16) {
      // Packs each half of the registers for itself, and then brings the quarters in order.
      const __m256i packed = _mm256_packus_epi32(Rounded(from[0]), Rounded(from[1]));
      Store(_mm256_permute4x64_epi64(packed, 0xD8), stores, to);
      return;
    }
#endif
    static_cast<void>(stores);
    alignas(64) float floats[kLanes];
    for (int64_t k = 0; k < kRegisters; ++k) from[k].store_aligned(floats + k * kWidth);
    uint16_t bits[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) {
      bits[i] = kFormat == FloatFormat::kBfloat16 ? ToBfloat16(floats[i]) : ToFloat16(floats[i]);
    }
    std::memcpy(to, bits, sizeof(bits));
#endif
  }

  // Does the same for a format that is not known before.
  LOSSD_ALWAYS_INLINE static void Narrow(FloatFormat format, const V* from, Stores stores,
                                         char* to) {
    if (format == FloatFormat::kBfloat16) {
      Narrow<FloatFormat::kBfloat16>(from, stores, to);
    } else {
      Narrow<FloatFormat::kFloat16>(from, stores, to);
    }
  }

 private:
#if defined(__AVX2__)
  LOSSD_ALWAYS_INLINE static void Store(__m256i bits, Stores stores, char* to) {
    auto* const line = reinterpret_cast<__m256i*>(to);
    if (stores == Stores::kStreaming) {
      _mm256_stream_si256(line, bits);
    } else {
      _mm256_storeu_si256(line, bits);
    }
  }
#endif

#if defined(__AVX512F__)
  template <FloatFormat kFormat>
  LOSSD_ALWAYS_INLINE static __m256i Rounded(__m512 v) {
    const __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i bits = _mm512_castps_si512(v);
    __m256i rounded;
    if constexpr (kFormat == FloatFormat::kBfloat16) {
      const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
      const __m512i up = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
      rounded = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_add_epi32(up, odd), 16));
    } else {
      rounded = _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    if (__builtin_expect(is_nan, 0) == 0) return rounded;
    constexpr int kQuiet = kFormat == FloatFormat::kBfloat16 ? 0x7fc0 : 0x7e00;
    const __m512i sign = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(0x8000));
    const __m512i quiet = _mm512_or_si512(sign, _mm512_set1_epi32(kQuiet));
    return _mm512_cvtepi32_epi16(
        _mm512_mask_mov_epi32(_mm512_cvtepu16_epi32(rounded), is_nan, quiet));
  }
#elif defined(__AVX2__)
  LOSSD_ALWAYS_INLINE static __m256i Rounded(__m256 v) {
    const __m256 is_nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i high = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff));
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(up, odd), 16);
    const __m256i sign = _mm256_and_si256(high, _mm256_set1_epi32(0x8000));
    const __m256i quiet = _mm256_or_si256(sign, _mm256_set1_epi32(0x7fc0));
    return _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(is_nan));
  }
#endif
};

// The kernels of HalfFloatKernels.
template <typename Arch>
class HalfFloatKernel {
 public:
  LOSSD_NOINLINE static void Widen(FloatFormat format, const void* from, int64_t count, float* to) {
    const auto* const bytes = static_cast<const char*>(from);
    if (format == FloatFormat::kBfloat16) {
      WidenAs<FloatFormat::kBfloat16>(bytes, count, to);
    } else {
      WidenAs<FloatFormat::kFloat16>(bytes, count, to);
    }
  }

  LOSSD_NOINLINE static void Narrow(FloatFormat format, const float* from, int64_t count,
                                    Stores stores, void* to) {
    auto* bytes = static_cast<char*>(to);
    const auto past = reinterpret_cast<uintptr_t>(to) % static_cast<uintptr_t>(Line::kBytes);
    const bool on_line = past == 0;
    const Stores how = on_line ? stores : Stores::kCached;
    for (; count >= kLanes; count -= kLanes, from += kLanes, bytes += Line::kBytes) {
      NarrowLine(format, from, how, bytes);
    }
    if (count == 0) return;
    alignas(64) float last[kLanes] = {};
    alignas(64) char line[static_cast<size_t>(Line::kBytes)];
    std::copy(from, from + count, last);
    NarrowLine(format, last, Stores::kCached, line);
    std::memcpy(bytes, line, static_cast<size_t>(count * Line::kSize));
  }

 private:
  using Line = HalfLine<Arch>;
  using V = typename Line::V;
  static constexpr int64_t kWidth = Line::kWidth;

  template <FloatFormat kFormat>
  LOSSD_ALWAYS_INLINE static void WidenAs(const char* from, int64_t count, float* to) {
    int64_t i = 0;
    for (; i + kWidth <= count; i += kWidth) {
      Line::template Load<kFormat>(from + i * Line::kSize).store_unaligned(to + i);
    }
    if (i == count) return;
    uint16_t last[V::size] = {};
    alignas(64) float widened[V::size];
    std::memcpy(last, from + i * Line::kSize, static_cast<size_t>((count - i) * Line::kSize));
    Line::template Load<kFormat>(reinterpret_cast<const char*>(last)).store_aligned(widened);
    std::copy(widened, widened + (count - i), to + i);
  }

  LOSSD_ALWAYS_INLINE static void NarrowLine(FloatFormat format, const float* from, Stores stores,
                                             char* to) {
    V line[static_cast<size_t>(Line::kRegisters)];
    for (int64_t k = 0; k < Line::kRegisters; ++k) line[k] = V::load_unaligned(from + k * kWidth);
    Line::Narrow(format, line, stores, to);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_HALF_LINE_INL_H_
