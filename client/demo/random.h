#ifndef LOSSD_CLIENT_DEMO_RANDOM_H_
#define LOSSD_CLIENT_DEMO_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>

#include "absl/types/span.h"

namespace lossd::demo {

// Random numbers that are the same on every machine. The C++ standard fixes the engine's output,
// but not that of the library's distributions and shuffle.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  // Returns a number in [−bound, bound), in steps of bound·2⁻²³.
  float Symmetric(float bound) {
    constexpr float kStep = 1.0f / (1 << 23);
    return bound * (static_cast<float>(engine_() >> 40) * kStep - 1.0f);
  }

  // Returns a number in [0, count), each equally likely. Needs count > 0.
  size_t Below(size_t count) {
    // Numbers past the last whole multiple of `count` would favour the small remainders.
    const uint64_t excess = (UINT64_MAX % count + 1) % count;
    uint64_t number = engine_();
    while (number > UINT64_MAX - excess) number = engine_();
    return number % count;
  }

  template <typename T>
  void Shuffle(absl::Span<T> values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Below(i)]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_RANDOM_H_
