#ifndef LOSSD_SERVER_LOSS_SELECTION_H_
#define LOSSD_SERVER_LOSS_SELECTION_H_

#include <cstdint>
#include <cstring>

namespace lossd::loss {

// Returns an integer for each double, in their order: −0 and 0 have the same. `value` is no NaN.
inline uint64_t OrderOf(double value) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const double without_minus_zero = value + 0.0;
  uint64_t bits = 0;
  std::memcpy(&bits, &without_minus_zero, sizeof(bits));
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

// Returns the double that OrderOf was given; 0 for −0.
inline double NumberOf(uint64_t order) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const uint64_t bits = (order & kSign) != 0 ? order ^ kSign : ~order;
  double value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// The smallest numbers of a sequence, as many as were asked for.
struct Smallest {
  uint64_t last = 0;  // the largest of them
  int64_t equal = 0;  // how many of them are `last`; the others are all that are smaller
};

// What `last` is: the largest of the smallest numbers, or any that divides them from the others.
enum class Last { kExact, kAnyBetween };

// Returns the `count` smallest of the numbers that for_each(f) calls f with, which are at least as
// many; `count` ≥ 1. Calls for_each() at most eight times, each with the same numbers, and takes a
// constant amount of memory; sorting could not stop halfway.
template <Last kLast = Last::kExact, typename ForEach>
Smallest SelectSmallest(int64_t count, ForEach for_each) {
  constexpr int kBits = 8;
  constexpr uint64_t kDigits = uint64_t{1} << kBits;
  Smallest smallest = {0, count};
  // Digit by digit of `last` from the highest on: `known` has a bit for each that is found.
  uint64_t known = 0;
  for (int shift = 64 - kBits; shift >= 0; shift -= kBits) {
    int64_t numbers[kDigits] = {};
    for_each([&](uint64_t number) {
      if ((number & known) == smallest.last) ++numbers[number >> shift & (kDigits - 1)];
    });
    uint64_t digit = 0;
    while (digit + 1 < kDigits && numbers[digit] < smallest.equal) {
      smallest.equal -= numbers[digit++];
    }
    smallest.last |= digit << shift;
    known |= (kDigits - 1) << shift;
    if (kLast == Last::kAnyBetween && numbers[digit] == smallest.equal) {
      // All of them that begin with these digits are taken.
      smallest.last |= ~known;
      break;
    }
  }
  return smallest;
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_SELECTION_H_
