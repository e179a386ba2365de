#ifndef LOSSD_SERVER_KERNELS_ROWS_TARGET_FORM_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TARGET_FORM_INL_H_

#include <cstdint>

#include "server/kernels/forms/point-inl.h"
#include "server/kernels/rows/truth_form-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// Columns of points and of what a form makes of them. All are aligned to 64 bytes and hold whole
// registers.
template <typename T>
struct TermColumns {
  const T* log_p;
  const T* p;
  const T* one_minus_p;
  T* value;
  T* slope;
};

// A kTruth form, as what is compiled once for all forms with targets sees it.
template <typename T>
struct TargetForm {
  // Writes φ and φ′ of `size` points; null for cross entropy.
  void (*terms)(const TermColumns<T>& columns, int64_t size,
                const FormParameters& parameters) = nullptr;
  // Does so in double, of the largest classes; null for cross entropy.
  void (*largest)(const TruthColumns& columns, int64_t size,
                  const FormParameters& parameters) = nullptr;
  bool adds_target_entropy = false;

  bool is_cross_entropy() const { return terms == nullptr; }
};

template <typename Form, typename T, typename Arch>
LOSSD_FLATTEN void EvaluateTerms(const TermColumns<T>& columns, int64_t size,
                                 const FormParameters& parameters) {
  using V = Lanes<T, Arch>;
  const TermColumns<T> local = columns;
  Form::WithUsualParameters(parameters, [&](const FormParameters& known) LOSSD_ALWAYS_INLINE {
    for (int64_t i = 0; i < size; i += static_cast<int64_t>(V::size)) {
      Point<V> x;
      x.log_p = V::load_aligned(local.log_p + i);
      x.p = V::load_aligned(local.p + i);
      x.one_minus_p = V::load_aligned(local.one_minus_p + i);
      x.target = V(T(1));
      Form::Value(x, known).store_aligned(local.value + i);
      Form::Slope(x, known).store_aligned(local.slope + i);
    }
  });
}

template <typename Form, typename T, typename Arch>
TargetForm<T> TargetFormOf() {
  TargetForm<T> form;
  form.adds_target_entropy = Form::kAddsTargetEntropy;
  if constexpr (!Form::kIsCrossEntropy) {
    form.terms = &EvaluateTerms<Form, T, Arch>;
    form.largest = &EvaluateTruth<Form, Arch>;
  }
  return form;
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TARGET_FORM_INL_H_
