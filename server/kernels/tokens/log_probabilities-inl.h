#ifndef LOSSD_SERVER_KERNELS_TOKENS_LOG_PROBABILITIES_INL_H_
#define LOSSD_SERVER_KERNELS_TOKENS_LOG_PROBABILITIES_INL_H_

#include <cstdint>

#include "server/kernels/forms/point-inl.h"
#include "server/kernels/log_probabilities.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// Returns the point of u = ln p, whose target is 1. Above 0, to where rounding may have brought it,
// u stays what it is, p is 1 and 1 − p is 0.
template <typename V>
LOSSD_ALWAYS_INLINE inline Point<V> PointOfLogProbability(const V& u) {
  using T = typename V::value_type;
  const V zero(T(0));
  const BothExps<V> of = BothExpsNonPositive(V(xsimd::select(u > zero, zero, u)));
  Point<V> x;
  x.log_p = u;
  x.p = of.exp;
  x.one_minus_p = zero - of.minus_one;
  x.target = V(T(1));
  return x;
}

// A form as a function of u = ln p alone.
template <typename Form, typename Arch>
struct LogProbabilityKernel {
  using V = Lanes<double, Arch>;

  LOSSD_FLATTEN static void Run(const LogProbabilities& samples, const FormParameters& parameters) {
    using OfTruth = OneTargetOf<Form>;
    OfTruth::WithUsualParameters(parameters, [&](const FormParameters& known) LOSSD_ALWAYS_INLINE {
      for (int64_t i = 0; i < samples.count; i += static_cast<int64_t>(V::size)) {
        Point<V> x = PointOfLogProbability(V::load_aligned(samples.log_p + i));
        OfTruth::Value(x, known).store_aligned(samples.value + i);
        OfTruth::Slope(x, known).store_aligned(samples.slope + i);
        if (samples.curvature == nullptr) continue;
        // Forms give φ″ (1 − p), which is 0 where p is 1. So small a 1 − p stands for the limit.
        x.one_minus_p = MaxOf(V(0x1p-1000), x.one_minus_p);
        (OfTruth::Curvature(x, known) / x.one_minus_p).store_aligned(samples.curvature + i);
      }
    });
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_TOKENS_LOG_PROBABILITIES_INL_H_
