#ifndef LOSSD_SERVER_KERNELS_BINARY_ELEMENTS_H_
#define LOSSD_SERVER_KERNELS_BINARY_ELEMENTS_H_

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

// Elements of a sigmoid with hard 0/1 labels: the fast path. All arrays are [count].
template <typename T>
struct BinaryElements {
  const T* logits = nullptr;
  int64_t count = 0;
  const T* sign = nullptr;  // 1 where the label is 1, else −1

  // The factors of all elements, or, where `weight` is set, columns with those of each; a weight of
  // 0 (an ignored element) makes loss and derivatives 0.
  ElementFactors<T> factors;
  const T* weight = nullptr;
  const T* sample_weight = nullptr;
  const T* gradient_scale = nullptr;
  const T* hessian_scale = nullptr;
  Curvature curvature = Curvature::kExact;
  Stores stores = Stores::kCached;  // of the gradient

  // Outputs; each may be null.
  T* losses = nullptr;
  T* gradient = nullptr;
  T* hessian = nullptr;
  T* probabilities = nullptr;
  T* true_probability = nullptr;
  T* true_gradient = nullptr;  // φ′ (1 − p_t), without any weight
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_BINARY_ELEMENTS_H_
