#include "server/loss/class_weights.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "server/loss/selection.h"
#include "server/loss/wide.h"

namespace lossd::loss {
namespace {

// Calls f(class, count) for the classes that have samples, in their order.
template <typename F>
void ForEachPresent(absl::Span<const double> counts, const Cancellation& cancellation, F f) {
  ForEachBlock(static_cast<int64_t>(counts.size()), 1, cancellation,
               [&](int64_t begin, int64_t end) {
                 for (auto k = static_cast<size_t>(begin); k < static_cast<size_t>(end); ++k) {
                   if (counts[k] > 0) f(k, counts[k]);
                 }
               });
}

// Returns the median of the `present` counts that are above 0, the mean of the middle two when
// their number is even.
template <typename Number>
Number Median(absl::Span<const double> counts, int64_t present, const Cancellation& cancellation) {
  const auto find = [&](int64_t place) -> Number {
    const Smallest smallest = SelectSmallest(place + 1, [&](auto f) {
      ForEachPresent(counts, cancellation, [&](size_t, double n) { f(OrderOf(n)); });
    });
    return NumberOf(smallest.last);
  };
  const Number middle = find(present / 2);
  return present % 2 == 1 ? middle : (find(present / 2 - 1) + middle) / 2;
}

// Returns (1 − β) / (1 − βⁿ), without cancelling for β close to 1.
template <typename Number>
Number EffectiveNumberWeight(double beta, Number n) {
  if (beta == 0) return 1;
  return (1 - beta) / -std::expm1(n * Number(std::log(beta)));
}

// Returns the number as a double: the largest one where it is beyond them.
double Narrow(Wide number) {
  return static_cast<double>(std::min<Wide>(number, std::numeric_limits<double>::max()));
}

template <typename Number>
struct Totals {
  Number count = 0;    // N
  Number classes = 0;  // those that have samples
  Number median = 0;   // MEDIAN_FREQUENCY alone
};

// Returns true when no formula leaves double's range on its way to a weight.
bool AreOrdinary(absl::Span<const double> counts, const Cancellation& cancellation) {
  const OrdinaryRange range = OrdinaryRangeOf(sizeof(double));
  bool are_ordinary = true;
  ForEachPresent(counts, cancellation, [&](size_t, double n) { are_ordinary &= range.Has(n); });
  return are_ordinary;
}

template <typename Number>
Totals<Number> CountTotals(absl::Span<const double> counts, const SchemeWeights& scheme,
                           const Cancellation& cancellation) {
  Totals<Number> totals;
  int64_t present = 0;
  ForEachPresent(counts, cancellation, [&](size_t, double n) {
    totals.count += n;
    ++present;
  });
  totals.classes = static_cast<Number>(present);
  if (present > 0 && scheme.scheme == WeightScheme::kMedianFrequency) {
    totals.median = Median<Number>(counts, present, cancellation);
  }
  return totals;
}

template <typename Number>
Number RawWeight(const SchemeWeights& scheme, Number n, const Totals<Number>& totals) {
  switch (scheme.scheme) {
    case WeightScheme::kBalanced:
      return totals.count / (totals.classes * n);
    case WeightScheme::kInverseFrequency:
      return totals.count / n;
    case WeightScheme::kInverseSquareRoot:
      return std::sqrt(totals.count / n);
    case WeightScheme::kEffectiveNumber:
      return EffectiveNumberWeight(scheme.beta, n);
    case WeightScheme::kMedianFrequency:
      return totals.median / n;
    case WeightScheme::kLogFrequency:
      return 1 / std::log(Number(1.02) + n / totals.count);
  }
  assert(false && "unknown weight scheme");
  return 0;
}

template <typename Number>
Number NormalizingFactor(Normalization normalization, absl::Span<const Number> weights,
                         absl::Span<const double> counts, const Totals<Number>& totals,
                         const Cancellation& cancellation) {
  Number sum = 0;
  Number expected = 0;
  // The weights of the others are 0.
  ForEachPresent(counts, cancellation, [&](size_t k, double n) {
    sum += weights[k];
    expected += weights[k] * n;
  });
  switch (normalization) {
    case Normalization::kMeanOne:
      return totals.classes / sum;
    case Normalization::kSumOne:
      return 1 / sum;
    case Normalization::kExpectedOne:
      return totals.count / expected;
    case Normalization::kOwn:
    case Normalization::kNone:
      break;
  }
  return 1;
}

template <typename Number>
std::vector<double> WeighClasses(absl::Span<const double> counts, const SchemeWeights& scheme,
                                 const Cancellation& cancellation) {
  const auto totals = CountTotals<Number>(counts, scheme, cancellation);
  if (totals.classes == 0) return std::vector<double>(counts.size(), 0.0);
  std::vector<Number> weights(counts.size(), Number(0));
  ForEachPresent(counts, cancellation,
                 [&](size_t k, double n) { weights[k] = RawWeight(scheme, Number(n), totals); });
  const auto factor = NormalizingFactor<Number>(ResolveNormalization(scheme), weights, counts,
                                                totals, cancellation);
  for (Number& weight : weights) weight *= factor;
  if constexpr (std::is_same_v<Number, double>) {
    return weights;
  } else {
    std::vector<double> narrow;
    narrow.reserve(weights.size());
    for (const Wide weight : weights) narrow.push_back(Narrow(weight));
    return narrow;
  }
}

}  // namespace

Normalization ResolveNormalization(const SchemeWeights& scheme) {
  if (scheme.normalization != Normalization::kOwn) return scheme.normalization;
  return scheme.scheme == WeightScheme::kEffectiveNumber ? Normalization::kMeanOne
                                                         : Normalization::kNone;
}

std::vector<double> ComputeClassWeights(absl::Span<const double> counts,
                                        const SchemeWeights& scheme,
                                        const Cancellation& cancellation) {
  return AreOrdinary(counts, cancellation) ? WeighClasses<double>(counts, scheme, cancellation)
                                           : WeighClasses<Wide>(counts, scheme, cancellation);
}

std::vector<int64_t> EmptyClasses(absl::Span<const double> counts) {
  std::vector<int64_t> empty;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (!(counts[i] > 0)) empty.push_back(static_cast<int64_t>(i));
  }
  return empty;
}

double ImbalanceRatio(absl::Span<const double> counts) {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (const double n : counts) {
    if (!(n > 0)) continue;
    least = std::min(least, n);
    most = std::max(most, n);
  }
  return most == 0 ? 0 : std::min(most / least, std::numeric_limits<double>::max());
}

}  // namespace lossd::loss
