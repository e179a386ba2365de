#include "server/kernels/half_floats.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/half_float.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

// The functions for one number have a test of their own, against the formats' definition.
struct Format {
  FloatFormat format;
  float (*widen)(uint16_t bits);
  uint16_t (*narrow)(float value);
};

const Format kFormats[] = {
    {FloatFormat::kFloat16, [](uint16_t bits) { return Float16ToFloat(bits); },
     [](float value) { return ToFloat16(value); }},
    {FloatFormat::kBfloat16, [](uint16_t bits) { return Bfloat16ToFloat(bits); },
     [](float value) { return ToBfloat16(value); }},
};

uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float FloatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

TEST(HalfFloatKernels, WidenEveryPattern) {
  std::vector<uint16_t> all;
  for (uint32_t i = 0; i < 1U << 16; ++i) all.push_back(static_cast<uint16_t>(i));
  for (const InstructionSet& set : SupportedSets()) {
    for (const Format& format : kFormats) {
      std::vector<float> widened(all.size());
      set.kernels.half_floats.widen(format.format, all.data(), static_cast<int64_t>(all.size()),
                                    widened.data());
      for (size_t i = 0; i < all.size(); ++i) {
        const float expected = format.widen(all[i]);
        if (std::isnan(expected) && std::isnan(widened[i])) continue;
        ASSERT_EQ(BitsOf(widened[i]), BitsOf(expected)) << set.name << " " << i;
      }
    }
  }
}

// Numbers of all sizes, and those halfway between two that 16 bits hold.
std::vector<float> SomeFloats() {
  std::vector<float> floats = {0.0F,
                               -0.0F,
                               65519.0F,
                               65520.0F,
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN(),
                               -std::numeric_limits<float>::quiet_NaN(),
                               FloatOf(0x7f800001),
                               FloatOf(0xffffffff)};
  std::mt19937 random(5);
  for (int i = 0; i < 200000; ++i) floats.push_back(FloatOf(static_cast<uint32_t>(random())));
  for (uint32_t high = 0; high < 1U << 16; ++high) {
    const float bfloat = FloatOf(high << 16);
    for (const uint32_t low : {0x7fffU, 0x8000U, 0x8001U}) {
      floats.push_back(FloatOf(high << 16 | low));
    }
    if (std::abs(bfloat) < 1e5F) floats.push_back(bfloat + std::ldexp(bfloat, -12));
  }
  for (uint32_t i = 0; i < 1U << 15; ++i) {  // between FLOAT16's neighbours
    const float from = Float16ToFloat(static_cast<uint16_t>(i));
    const float to = Float16ToFloat(static_cast<uint16_t>(i + 1));
    floats.push_back((from + to) / 2);
  }
  return floats;
}

TEST(HalfFloatKernels, NarrowAsTheFunctionOfOneNumber) {
  const std::vector<float> floats = SomeFloats();
  for (const InstructionSet& set : SupportedSets()) {
    for (const Format& format : kFormats) {
      std::vector<uint16_t> bits(floats.size());
      set.kernels.half_floats.narrow(format.format, floats.data(),
                                     static_cast<int64_t>(floats.size()), Stores::kCached,
                                     bits.data());
      for (size_t i = 0; i < floats.size(); ++i) {
        ASSERT_EQ(bits[i], format.narrow(floats[i])) << set.name << " " << BitsOf(floats[i]);
      }
    }
  }
}

// Counts around those of registers and lines, at any address, past the caches and not.
TEST(HalfFloatKernels, TouchNothingElse) {
  constexpr size_t kMost = 100;
  std::vector<float> floats;
  for (size_t i = 0; i < kMost; ++i) floats.push_back(0.5F * static_cast<float>(i));
  for (const InstructionSet& set : SupportedSets()) {
    for (const Format& format : kFormats) {
      for (size_t count = 0; count <= kMost; ++count) {
        for (const size_t at : std::vector<size_t>{0, 1, 2, 31, 32}) {
          for (const Stores stores : {Stores::kCached, Stores::kStreaming}) {
            Array<char> bytes(64 + 2 * kMost + 64, 'x');
            set.kernels.half_floats.narrow(format.format, floats.data(),
                                           static_cast<int64_t>(count), stores, &bytes[at]);
            std::vector<float> widened(kMost + 1, -1.0F);
            set.kernels.half_floats.widen(format.format, &bytes[at], static_cast<int64_t>(count),
                                          widened.data());
            for (size_t i = 0; i < count; ++i) ASSERT_EQ(widened[i], floats[i]);
            ASSERT_EQ(widened[count], -1.0F);
            for (size_t i = 0; i < bytes.size(); ++i) {
              const bool is_around = i < at || i >= at + 2 * count;
              ASSERT_TRUE(!is_around || bytes[i] == 'x');
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace lossd::kernels
