#ifndef LOSSD_SERVER_LOSS_WIDE_H_
#define LOSSD_SERVER_LOSS_WIDE_H_

#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <limits>

namespace lossd::loss {

// A number with room for every product and sum of doubles that lies between a request and its
// results. It is slow, and used where double's range would be left on the way alone.
using Wide = long double;
static_assert(std::numeric_limits<Wide>::max_exponent >= 16384);

// Numbers of which a few can be multiplied without leaving the range of an element's type.
struct OrdinaryRange {
  double least;
  double most;

  bool Has(double magnitude) const { return magnitude >= least && magnitude <= most; }
  bool HasOrZero(double number) const { return number == 0 || Has(std::abs(number)); }
};

// Returns the range for results whose elements have so many bytes.
constexpr OrdinaryRange OrdinaryRangeOf(size_t element_size) {
  return element_size == sizeof(float) ? OrdinaryRange{0x1p-60, 0x1p60}
                                       : OrdinaryRange{0x1p-500, 0x1p500};
}

// Returns number · 2^exponent, rounded once.
inline double Scaled(Wide number, int exponent) {
  return static_cast<double>(std::scalbn(number, exponent));
}

// Returns the product. It is double's product to the bit where that stays in double's range from
// its first factor to its last: what a sample gets does not depend on the others of its batch.
inline Wide WideProduct(std::initializer_list<Wide> factors) {
  constexpr double kLeast = 0x1p-1000;
  constexpr double kMost = 0x1p1000;
  Wide product = 1;
  double narrow = 1;
  bool fits = true;
  for (const Wide factor : factors) {
    product *= factor;
    narrow *= static_cast<double>(factor);
    fits = fits && std::abs(narrow) >= kLeast && std::abs(narrow) <= kMost;
  }
  return fits ? narrow : product;
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_WIDE_H_
