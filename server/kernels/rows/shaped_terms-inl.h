#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_TERMS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_TERMS_INL_H_

#include <cstring>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/shaped_logits-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/signed_unit-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// How exponentials are kept: as they are, or as SignedUnit.
enum class KeptExps { kPlain, kSigned };

// What makes the exponentials of a chunk its gradient, g = (e (a (e + shift) + b) + c w) slope ·
// scale. The scale comes last: it may be so large that its product with a term leaves T's range.
template <typename T>
struct GradientTerms {
  KeptExps kept = KeptExps::kPlain;
  T shift = 0;  // 0 or −1; where they are kept as SignedUnit
  T scale = 1;
  T a = 0;
  T b = 0;
  T c = 0;
  const T* weights = nullptr;  // w, or null: all are 1
  const T* slopes = nullptr;   // or null: all are 1
};

// What makes them its Hessian.
template <typename T>
struct HessianTerms {
  // Returns the entry whose unscaled value is h.
  template <typename V>
  LOSSD_ALWAYS_INLINE V Finish(const V& h) const {
    if (floor == -kInfinity<T>) return V(scale) * h;
    const V scaled = V(scale) * xsimd::abs(h);
    return xsimd::select(scaled < V(floor), V(floor), scaled);
  }

  T h0 = 0;
  T h1 = 0;
  T h2 = 0;
  T scale = 1;
  T floor = -kInfinity<T>;   // −∞: none
  T second = 0;              // the slope's own slope, by tanh · slope
  const T* tanhs = nullptr;  // where there are slopes
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_TERMS_INL_H_
