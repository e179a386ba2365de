#ifndef LOSSD_SERVER_KERNELS_RANGE_H_
#define LOSSD_SERVER_KERNELS_RANGE_H_

#include <limits>

namespace lossd::kernels {

// The finite numbers between two ends, each of which may be absent or excluded. Inside them there
// may be a gap, whose own ends are in the range.
struct Range {
  static constexpr double kUnbounded = std::numeric_limits<double>::infinity();

  static constexpr Range Any() { return {}; }
  static constexpr Range AtLeast(double minimum) { return {minimum, kUnbounded}; }
  static constexpr Range Above(double minimum) { return {minimum, kUnbounded, true}; }
  static constexpr Range Below(double maximum) { return {-kUnbounded, maximum, false, true}; }
  // [minimum, maximum]
  static constexpr Range Between(double minimum, double maximum) { return {minimum, maximum}; }
  // [minimum, maximum)
  static constexpr Range FromBelow(double minimum, double maximum) {
    return {minimum, maximum, false, true};
  }
  // (minimum, maximum]
  static constexpr Range AboveUpTo(double minimum, double maximum) {
    return {minimum, maximum, true};
  }
  // (minimum, maximum)
  static constexpr Range Inside(double minimum, double maximum) {
    return {minimum, maximum, true, true};
  }

  // Returns this range without the numbers between `begin` and `end`, which it must contain.
  constexpr Range WithGap(double begin, double end) const {
    Range range = *this;
    range.gap_begin = begin;
    range.gap_end = end;
    return range;
  }

  constexpr bool HasMinimum() const { return minimum > -kUnbounded; }
  constexpr bool HasMaximum() const { return maximum < kUnbounded; }

  constexpr bool IsInGap(double value) const { return value > gap_begin && value < gap_end; }

  // Returns false for NaN and infinities.
  constexpr bool Contains(double value) const {
    const bool finite = value > -kUnbounded && value < kUnbounded;
    const bool above = minimum_exclusive ? value > minimum : value >= minimum;
    const bool below = maximum_exclusive ? value < maximum : value <= maximum;
    return finite && above && below && !IsInGap(value);
  }

  double minimum = -kUnbounded;
  double maximum = kUnbounded;
  bool minimum_exclusive = false;
  bool maximum_exclusive = false;
  double gap_begin = 0;  // no less than gap_end: there is no gap
  double gap_end = 0;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_RANGE_H_
