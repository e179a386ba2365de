#include "server/rpc/tensor/half_float.h"

#include <cstring>

namespace lossd::rpc {
namespace {

template <typename To, typename From>
To BitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

constexpr int kDoubleFractionBits = 52;
constexpr int kDoubleBias = 1023;

// Returns `fraction` without the `dropped` lowest bits, rounded to nearest, ties to even.
uint64_t RoundShift(uint64_t fraction, int dropped) {
  const uint64_t half = uint64_t{1} << (dropped - 1);
  const uint64_t rest = fraction & (2 * half - 1);
  const uint64_t kept = fraction >> dropped;
  const bool up = rest > half || (rest == half && (kept & 1) != 0);
  return kept + (up ? 1 : 0);
}

// Returns the nearest 16-bit float of kExponentBits exponent and kFractionBits fraction bits.
template <int kExponentBits, int kFractionBits>
uint16_t Narrow(double value) {
  static_assert(1 + kExponentBits + kFractionBits == 16);
  constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  constexpr uint64_t kInfinity = ((uint64_t{1} << kExponentBits) - 1) << kFractionBits;

  const auto bits = BitCast<uint64_t>(value);
  const uint64_t sign = (bits >> 63) << 15;
  const int exponent = static_cast<int>((bits >> kDoubleFractionBits) & 0x7ff);
  const uint64_t fraction = bits & ((uint64_t{1} << kDoubleFractionBits) - 1);

  uint64_t magnitude = 0;
  if (exponent == 0x7ff) {
    magnitude = fraction == 0 ? kInfinity : kInfinity | (uint64_t{1} << (kFractionBits - 1));
  } else {
    const int target_exponent = exponent - kDoubleBias + kBias;
    const uint64_t significand = fraction | (uint64_t{1} << kDoubleFractionBits);
    const int dropped = kDoubleFractionBits - kFractionBits;
    if (target_exponent > (1 << kExponentBits) - 2) {
      magnitude = kInfinity;
    } else if (target_exponent >= 1) {
      // The implicit bit adds one to the exponent field, and a carry out of the fraction another
      // one. The field then has the right value, also when that is infinity's.
      magnitude = (static_cast<uint64_t>(target_exponent - 1) << kFractionBits) +
                  RoundShift(significand, dropped);
    } else if (const int subnormal_dropped = dropped + 1 - target_exponent;
               subnormal_dropped <= kDoubleFractionBits + 2) {
      magnitude = RoundShift(significand, subnormal_dropped);
    }
  }
  return static_cast<uint16_t>(sign | magnitude);
}

}  // namespace

uint16_t ToFloat16(double value) { return Narrow<5, 10>(value); }

uint16_t ToBfloat16(double value) { return Narrow<8, 7>(value); }

}  // namespace lossd::rpc
