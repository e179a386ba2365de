#ifndef LOSSD_SERVER_KERNELS_ELEMENTS_H_
#define LOSSD_SERVER_KERNELS_ELEMENTS_H_

#include <cstdint>

#include "server/kernels/hessian.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// The factors that scale one element of a sigmoid, beside the form.
template <typename T>
struct ElementFactors {
  T positive_weight = 1;  // a where the label is 1
  T negative_weight = 1;  // a where it is 0
  T sample_weight = 1;    // scales the loss
  T gradient_scale = 1;   // scales the gradient, beside the weight
  T hessian_scale = 1;    // scales the Hessian, beside the weight
};

// Elements of a sigmoid in their own type: the fast path. In double, labels are 0 or 1. All arrays
// are [count].
template <typename T>
struct Elements {
  const T* logits = nullptr;
  int64_t count = 0;

  // The labels: signs, 1 where the label is 1 and else −1, or targets.
  const T* sign = nullptr;
  const T* targets = nullptr;  // y in [0, 1]
  const T* rests = nullptr;    // 1 − y where y has been rounded; null: it is 1 − y

  // The factors of all elements, or, where `positive_weight` is set, columns with those of each. A
  // weight of 0 (an ignored element) makes loss and derivatives 0. Beside soft targets, forms with
  // Weighting::kWhole have their one weight as the positive weight.
  ElementFactors<T> factors;
  const T* positive_weight = nullptr;
  const T* negative_weight = nullptr;
  const T* sample_weight = nullptr;
  const T* gradient_scale = nullptr;
  const T* hessian_scale = nullptr;
  Curvature curvature = Curvature::kExact;
  Stores stores = Stores::kCached;  // of the gradient

  // Outputs; each may be null. The last three come together.
  T* losses = nullptr;
  T* gradient = nullptr;
  T* hessian = nullptr;
  T* probabilities = nullptr;
  T* true_probability = nullptr;  // p_t; the probability of 1 where the target is soft
  // Without any weight: φ′ (1 − p_t), which is by the truth's logit, or with targets by the logit.
  T* true_gradient = nullptr;
  T* weighted_gradient = nullptr;  // with targets alone: the same, times weight and sample weight
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ELEMENTS_H_
