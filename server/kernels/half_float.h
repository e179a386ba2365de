#ifndef LOSSD_SERVER_KERNELS_HALF_FLOAT_H_
#define LOSSD_SERVER_KERNELS_HALF_FLOAT_H_

#include <cstdint>
#include <cstring>

#include "server/kernels/simd/inlining.h"

namespace lossd::kernels {

// These functions convert the two 16-bit float formats, given as their bits: IEEE 754 binary16 (5
// exponent bits, 10 fraction bits) and bfloat16, the upper half of a binary32. Widening is exact.
// Narrowing rounds once, to nearest, ties to even: beyond the largest finite value to infinity,
// below the smallest subnormal to zero of the same sign. NaN stays NaN (quiet, with its sign).
//
// They have no branches, so that loops over them become vector instructions; and they are always
// inline, so that each instruction set has code of its own.
LOSSD_ALWAYS_INLINE inline float Float16ToFloat(uint16_t bits);
LOSSD_ALWAYS_INLINE inline float Bfloat16ToFloat(uint16_t bits);
LOSSD_ALWAYS_INLINE inline uint16_t ToFloat16(float value);
LOSSD_ALWAYS_INLINE inline uint16_t ToBfloat16(float value);

namespace half_float_internal {

LOSSD_ALWAYS_INLINE inline float FloatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

LOSSD_ALWAYS_INLINE inline uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// Returns `bits` without the `dropped` lowest, rounded to nearest, ties to even.
LOSSD_ALWAYS_INLINE inline uint32_t RoundShift(uint32_t bits, int dropped) {
  const uint32_t below_half = (uint32_t{1} << (dropped - 1)) - 1;
  return (bits + below_half + ((bits >> dropped) & 1)) >> dropped;
}

inline constexpr uint32_t kFloatInfinity = 0x7f800000;

}  // namespace half_float_internal

LOSSD_ALWAYS_INLINE inline float Float16ToFloat(uint16_t bits) {
  using half_float_internal::BitsOf;
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16;
  const uint32_t magnitude = bits & 0x7fffU;
  // The exponent's bias goes from 15 to 127; infinity's and NaN's exponent from 31 to 255.
  const uint32_t normal = (magnitude << 13) + ((127U - 15U) << 23);
  const uint32_t special = normal + ((255U - 31U - (127U - 15U)) << 23);
  const uint32_t subnormal = BitsOf(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24F);
  const uint32_t wide = magnitude >= 0x7c00U ? special : (magnitude < 0x0400U ? subnormal : normal);
  return half_float_internal::FloatOf(sign | wide);
}

LOSSD_ALWAYS_INLINE inline float Bfloat16ToFloat(uint16_t bits) {
  return half_float_internal::FloatOf(static_cast<uint32_t>(bits) << 16);
}

LOSSD_ALWAYS_INLINE inline uint16_t ToFloat16(float value) {
  using half_float_internal::BitsOf;
  const uint32_t bits = BitsOf(value);
  const uint32_t sign = (bits >> 16) & 0x8000U;
  const uint32_t magnitude = bits & 0x7fffffffU;
  // 65520, halfway between the largest finite value and the next power of two, rounds up.
  constexpr uint32_t kOverflow = 0x477ff000;
  constexpr uint32_t kSmallestNormal = 0x38800000;  // 2^-14
  const uint32_t normal = half_float_internal::RoundShift(magnitude - ((127U - 15U) << 23), 13);
  // A float in [0.5, 1) has its last bit at 2^-24, the smallest subnormal: the addition rounds.
  const uint32_t subnormal = BitsOf(half_float_internal::FloatOf(magnitude) + 0.5F) - BitsOf(0.5F);
  const uint32_t finite = magnitude < kSmallestNormal ? subnormal : normal;
  const uint32_t special = magnitude > half_float_internal::kFloatInfinity ? 0x7e00U : 0x7c00U;
  return static_cast<uint16_t>(sign | (magnitude >= kOverflow ? special : finite));
}

LOSSD_ALWAYS_INLINE inline uint16_t ToBfloat16(float value) {
  const uint32_t bits = half_float_internal::BitsOf(value);
  const uint32_t sign = (bits >> 16) & 0x8000U;
  const uint32_t magnitude = bits & 0x7fffffffU;
  // A carry out of the fraction goes into the exponent, which then has the right value, also when
  // that is infinity's.
  const uint32_t rounded = half_float_internal::RoundShift(magnitude, 16);
  return static_cast<uint16_t>(
      sign | (magnitude > half_float_internal::kFloatInfinity ? 0x7fc0U : rounded));
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_HALF_FLOAT_H_
