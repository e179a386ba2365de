#include "server/rpc/tensor/half_float.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>

#include "gtest/gtest.h"

namespace lossd::rpc {
namespace {

constexpr uint32_t kPatterns = 1U << 16;

// The value of the bits by the formats' definition, in arithmetic of its own.
double ValueOf(uint16_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  const double ulp = std::ldexp(1.0, std::max(exponent, 1) - bias - fraction_bits);
  return sign * ulp * (exponent == 0 ? fraction : fraction + (1 << fraction_bits));
}

struct Format {
  const char* name;
  int exponent_bits;
  int fraction_bits;
  float (*widen)(uint16_t);
  uint16_t (*narrow)(double);
  uint16_t infinity;
};

const Format kFormats[] = {
    {"float16", 5, 10, Float16ToFloat, ToFloat16, 0x7c00},
    {"bfloat16", 8, 7, Bfloat16ToFloat, ToBfloat16, 0x7f80},
};

TEST(HalfFloat, WidensEveryPatternToItsValue) {
  for (const Format& format : kFormats) {
    for (uint32_t i = 0; i < kPatterns; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      const double expected = ValueOf(bits, format.exponent_bits, format.fraction_bits);
      const double actual = format.widen(bits);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(actual)) << format.name << " " << bits;
      } else {
        ASSERT_EQ(actual, expected) << format.name << " " << bits;
        ASSERT_EQ(std::signbit(actual), (bits & 0x8000) != 0) << format.name << " " << bits;
      }
    }
  }
}

TEST(HalfFloat, NarrowsEveryRepresentableValueToItsOwnBits) {
  for (const Format& format : kFormats) {
    for (uint32_t i = 0; i < kPatterns; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      const float value = format.widen(bits);
      if (std::isnan(value)) {
        ASSERT_TRUE(std::isnan(format.widen(format.narrow(value)))) << format.name << " " << bits;
      } else {
        ASSERT_EQ(format.narrow(value), bits) << format.name;
      }
    }
  }
}

// Between every two neighbours: the midpoint goes to the even one, and a little beside it to the
// nearer one. Doubles hold all these exactly.
TEST(HalfFloat, RoundsToNearestAndTiesToEven) {
  for (const Format& format : kFormats) {
    for (uint32_t i = 0; i + 1 < format.infinity; ++i) {
      const auto low = static_cast<uint16_t>(i);
      const auto high = static_cast<uint16_t>(i + 1);
      const double a = ValueOf(low, format.exponent_bits, format.fraction_bits);
      const double b = ValueOf(high, format.exponent_bits, format.fraction_bits);
      const double middle = (a + b) / 2;
      const double step = (b - a) * 0x1p-20;
      ASSERT_EQ(format.narrow(middle), (low & 1) == 0 ? low : high) << format.name << " " << low;
      ASSERT_EQ(format.narrow(middle - step), low) << format.name << " " << low;
      ASSERT_EQ(format.narrow(middle + step), high) << format.name << " " << low;
      ASSERT_EQ(format.narrow(-middle - step), high | 0x8000) << format.name << " " << low;
    }
  }
}

TEST(HalfFloat, OverflowsToInfinityFromHalfAStepPastTheLargest) {
  EXPECT_EQ(ToFloat16(65519.99), 0x7bff);
  EXPECT_EQ(ToFloat16(65520.0), 0x7c00);
  EXPECT_EQ(ToFloat16(-1e300), 0xfc00);
  const double largest = ValueOf(0x7f7f, 8, 7);
  const double step = ValueOf(0x7f7f, 8, 7) - ValueOf(0x7f7e, 8, 7);
  EXPECT_EQ(ToBfloat16(largest + step * 0.499), 0x7f7f);
  EXPECT_EQ(ToBfloat16(largest + step * 0.5), 0x7f80);
  EXPECT_EQ(ToBfloat16(-std::numeric_limits<double>::infinity()), 0xff80);
}

TEST(HalfFloat, UnderflowsToZeroOfTheSameSign) {
  EXPECT_EQ(ToFloat16(0x1p-25), 0x0000);  // a tie with zero, which is even
  EXPECT_EQ(ToFloat16(0x1.0000001p-25), 0x0001);
  EXPECT_EQ(ToFloat16(-0x1p-60), 0x8000);
  EXPECT_EQ(ToFloat16(5e-324), 0x0000);
  EXPECT_EQ(ToBfloat16(-5e-324), 0x8000);
  EXPECT_EQ(ToBfloat16(0x1p-134), 0x0000);
  EXPECT_EQ(ToBfloat16(0x1.8p-134), 0x0001);
}

// 1 + 2^-11 + 2^-40 is above the tie between 1 and the next half; as a float it would be the tie.
TEST(HalfFloat, RoundsDoublesOnce) {
  EXPECT_EQ(ToFloat16(1 + 0x1p-11 + 0x1p-40), 0x3c01);
  EXPECT_EQ(ToFloat16(1 + 0x1p-11), 0x3c00);
}

float FloatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// A float is a double as well, whose narrowing is tested above.
TEST(HalfFloat, NarrowsFloatsAsTheDoublesThatTheyAre) {
  const auto expect_same = [](uint32_t bits) {
    const float value = FloatOf(bits);
    ASSERT_EQ(ToFloat16(value), ToFloat16(static_cast<double>(value))) << std::hex << bits;
    ASSERT_EQ(ToBfloat16(value), ToBfloat16(static_cast<double>(value))) << std::hex << bits;
  };
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 4099) {
    expect_same(static_cast<uint32_t>(bits));
  }
  // Around every point halfway between two neighbours, of either format.
  for (uint32_t i = 0; i < kPatterns; ++i) {
    for (const int64_t halfway : {int64_t{i} << 16, (int64_t{i} << 16) | 0x8000}) {
      for (int64_t step = -1; step <= 1; ++step) expect_same(static_cast<uint32_t>(halfway + step));
    }
    const float midpoint = Float16ToFloat(static_cast<uint16_t>(i)) * (1 + 0x1p-11F);
    uint32_t bits;
    std::memcpy(&bits, &midpoint, sizeof(bits));
    for (uint32_t step = 0; step < 3; ++step) expect_same(bits + step - 1);
  }
}

}  // namespace
}  // namespace lossd::rpc
