#ifndef LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_TAIL_INL_H_
#define LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_TAIL_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/kernels/elements.h"
#include "server/kernels/form_info.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// Computes the elements from `begin` on, fewer than a register's, by padded copies that `run`
// computes. These take the same instructions as all others, so that an element's bits do not depend
// on its position.
template <typename T, typename Arch>
void RunTail(const Elements<T>& all, int64_t begin, const FormParameters& parameters,
             void (*run)(Elements<T>, int64_t, FormParameters)) {
  constexpr auto kWidth = static_cast<int64_t>(Lanes<T, Arch>::size);
  constexpr const T* Elements<T>::*kInputs[] = {
      &Elements<T>::logits,          &Elements<T>::sign,
      &Elements<T>::targets,         &Elements<T>::rests,
      &Elements<T>::positive_weight, &Elements<T>::negative_weight,
      &Elements<T>::sample_weight,   &Elements<T>::gradient_scale,
      &Elements<T>::hessian_scale};
  constexpr T* Elements<T>::*kOutputs[] = {
      &Elements<T>::losses,           &Elements<T>::gradient,         &Elements<T>::hessian,
      &Elements<T>::probabilities,    &Elements<T>::true_probability, &Elements<T>::true_gradient,
      &Elements<T>::weighted_gradient};
  constexpr size_t kInputCount = sizeof(kInputs) / sizeof(kInputs[0]);
  constexpr size_t kOutputCount = sizeof(kOutputs) / sizeof(kOutputs[0]);
  alignas(64) T in[kInputCount][static_cast<size_t>(kWidth)] = {};
  alignas(64) T out[kOutputCount][static_cast<size_t>(kWidth)];
  Elements<T> tail = all;
  for (size_t n = 0; n < kInputCount; ++n) {
    const T* const from = all.*kInputs[n];
    if (from == nullptr) continue;
    std::copy(from + begin, from + all.count, in[n]);
    tail.*kInputs[n] = in[n];
  }
  for (size_t n = 0; n < kOutputCount; ++n) {
    if (all.*kOutputs[n] != nullptr) tail.*kOutputs[n] = out[n];
  }
  tail.stores = Stores::kCached;
  run(tail, kWidth, parameters);
  const int64_t size = all.count - begin;
  for (size_t n = 0; n < kOutputCount; ++n) {
    if (all.*kOutputs[n] != nullptr) std::copy(out[n], out[n] + size, all.*kOutputs[n] + begin);
  }
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_TAIL_INL_H_
