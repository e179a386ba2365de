#ifndef LOSSD_SERVER_KERNELS_FLOAT_FORMAT_H_
#define LOSSD_SERVER_KERNELS_FLOAT_FORMAT_H_

#include <cstdint>

namespace lossd::kernels {

// How numbers lie in memory: as they are computed, or, those that are computed as floats, in 16
// bits.
enum class FloatFormat { kComputed, kFloat16, kBfloat16 };

// Returns the bytes of a number that is computed as a T.
template <typename T>
constexpr int64_t BytesOf(FloatFormat format) {
  return static_cast<int64_t>(format == FloatFormat::kComputed ? sizeof(T) : sizeof(uint16_t));
}

// A matrix of numbers of 16 bits, or none.
struct HalfMatrix {
  uint16_t* numbers = nullptr;
  FloatFormat format = FloatFormat::kComputed;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FLOAT_FORMAT_H_
