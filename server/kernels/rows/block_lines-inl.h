#ifndef LOSSD_SERVER_KERNELS_ROWS_BLOCK_LINES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_BLOCK_LINES_INL_H_

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>

namespace lossd::kernels {

// The lines of a block of kSize by kSize elements, a line in each register.
template <typename T, typename Arch>
struct BlockLines;

#if defined(__AVX2__)

template <typename Arch>
struct BlockLines<float, Arch> {
  using Line = __m256;
  static constexpr int64_t kSize = 8;

  static Line Load(const float* at) { return _mm256_loadu_ps(at); }
  static void Store(float* at, Line of) { _mm256_storeu_ps(at, of); }

  // Exchanges single elements, then pairs, then halves.
  void Transpose() {
    Line singles[kSize];
    for (int64_t i = 0; i < kSize; i += 2) {
      singles[i] = _mm256_unpacklo_ps(line[i], line[i + 1]);
      singles[i + 1] = _mm256_unpackhi_ps(line[i], line[i + 1]);
    }
    Line pairs[kSize];
    for (int64_t i = 0; i < kSize; i += 4) {
      for (int64_t k = 0; k < 2; ++k) {
        const Line low = singles[i + k];
        const Line high = singles[i + k + 2];
        pairs[i + 2 * k] = _mm256_shuffle_ps(low, high, _MM_SHUFFLE(1, 0, 1, 0));
        pairs[i + 2 * k + 1] = _mm256_shuffle_ps(low, high, _MM_SHUFFLE(3, 2, 3, 2));
      }
    }
    for (int64_t i = 0; i < kSize / 2; ++i) {
      line[i] = _mm256_permute2f128_ps(pairs[i], pairs[i + 4], 0x20);
      line[i + 4] = _mm256_permute2f128_ps(pairs[i], pairs[i + 4], 0x31);
    }
  }

  Line line[kSize];
};

template <typename Arch>
struct BlockLines<double, Arch> {
  using Line = __m256d;
  static constexpr int64_t kSize = 4;

  static Line Load(const double* at) { return _mm256_loadu_pd(at); }
  static void Store(double* at, Line of) { _mm256_storeu_pd(at, of); }

  // Exchanges single elements, then halves.
  void Transpose() {
    Line singles[kSize];
    for (int64_t i = 0; i < kSize; i += 2) {
      singles[i] = _mm256_unpacklo_pd(line[i], line[i + 1]);
      singles[i + 1] = _mm256_unpackhi_pd(line[i], line[i + 1]);
    }
    for (int64_t i = 0; i < kSize / 2; ++i) {
      line[i] = _mm256_permute2f128_pd(singles[i], singles[i + 2], 0x20);
      line[i + 2] = _mm256_permute2f128_pd(singles[i], singles[i + 2], 0x31);
    }
  }

  Line line[kSize];
};

#else

template <typename Arch>
struct BlockLines<float, Arch> {
  using Line = __m128;
  static constexpr int64_t kSize = 4;

  static Line Load(const float* at) { return _mm_loadu_ps(at); }
  static void Store(float* at, Line of) { _mm_storeu_ps(at, of); }

  // Exchanges single elements, then halves.
  void Transpose() {
    Line singles[kSize];
    for (int64_t i = 0; i < kSize; i += 2) {
      singles[i] = _mm_unpacklo_ps(line[i], line[i + 1]);
      singles[i + 1] = _mm_unpackhi_ps(line[i], line[i + 1]);
    }
    for (int64_t i = 0; i < kSize / 2; ++i) {
      line[2 * i] = _mm_movelh_ps(singles[i], singles[i + 2]);
      line[2 * i + 1] = _mm_movehl_ps(singles[i + 2], singles[i]);
    }
  }

  Line line[kSize];
};

template <typename Arch>
struct BlockLines<double, Arch> {
  using Line = __m128d;
  static constexpr int64_t kSize = 2;

  static Line Load(const double* at) { return _mm_loadu_pd(at); }
  static void Store(double* at, Line of) { _mm_storeu_pd(at, of); }

  // Exchanges single elements.
  void Transpose() {
    const Line first = line[0];
    line[0] = _mm_unpacklo_pd(first, line[1]);
    line[1] = _mm_unpackhi_pd(first, line[1]);
  }

  Line line[kSize];
};

#endif

}  // namespace lossd::kernels

#endif

#endif  // LOSSD_SERVER_KERNELS_ROWS_BLOCK_LINES_INL_H_
