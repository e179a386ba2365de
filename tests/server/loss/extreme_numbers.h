#ifndef LOSSD_TESTS_SERVER_LOSS_EXTREME_NUMBERS_H_
#define LOSSD_TESTS_SERVER_LOSS_EXTREME_NUMBERS_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lossd::loss {

inline constexpr double kSmallest = std::numeric_limits<double>::denorm_min();
inline constexpr double kLargest = std::numeric_limits<double>::max();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Checks |actual - expected| within a part of `scale`, and a few of the type's smallest numbers.
// `expected` is rounded to T: beyond its range it is an infinity.
template <typename T>
void ExpectNear(double actual, long double expected, long double scale, const std::string& what) {
  const auto rounded = static_cast<double>(static_cast<T>(expected));
  if (!std::isfinite(rounded) || !std::isfinite(actual)) {
    EXPECT_EQ(actual, rounded) << what;
    return;
  }
  const long double part = std::is_same_v<T, float> ? 2e-5L : 1e-12L;
  const long double smallest = 8.0L * std::numeric_limits<T>::denorm_min();
  EXPECT_LE(std::abs(actual - expected), part * scale + smallest)
      << what << " = " << actual << ", expected " << static_cast<double>(expected);
}

// Checks numbers that have a common scale, the largest of theirs.
template <typename T, typename Values, typename References>
void ExpectAllNear(const Values& values, const References& references, const std::string& what) {
  ASSERT_EQ(values.size(), references.size()) << what;
  long double scale = 0;
  for (const auto reference : references) {
    if (std::isfinite(reference))
      scale = std::max(scale, std::abs(static_cast<long double>(reference)));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    ExpectNear<T>(static_cast<double>(values[i]), *(references.begin() + static_cast<int64_t>(i)),
                  scale, absl::StrCat(what, "[", i, "]"));
  }
}

}  // namespace lossd::loss

#endif  // LOSSD_TESTS_SERVER_LOSS_EXTREME_NUMBERS_H_
