#ifndef LOSSD_SERVER_KERNELS_ROWS_TRUTH_FORM_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TRUTH_FORM_INL_H_

#include <cstdint>

#include "server/kernels/forms/point-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// Columns of the true classes' points and of what a form makes of them. All are aligned to 64 bytes
// and hold whole registers.
struct TruthColumns {
  const double* log_p;
  const double* p;
  const double* one_minus_p;
  double* value;
  double* slope;
  double* curvature;  // null: not wanted
};

// A form with one true class of target 1, as what is compiled once for all forms sees it.
struct TruthForm {
  // Writes φ, φ′ and φ″ (1 − p) of `size` points; null for the squared error, which is no function
  // of the truth's probability alone.
  void (*evaluate)(const TruthColumns& columns, int64_t size,
                   const FormParameters& parameters) = nullptr;
  // Curvature::kPositive takes the absolute value of the Hessian, instead of φ″ if it is above 0.
  bool takes_magnitude = false;

  bool is_squared_error() const { return evaluate == nullptr; }
};

template <typename Form, typename Arch>
LOSSD_FLATTEN void EvaluateTruth(const TruthColumns& columns, int64_t size,
                                 const FormParameters& parameters) {
  using D = Lanes<double, Arch>;
  Form::WithUsualParameters(parameters, [&](const FormParameters& known) LOSSD_ALWAYS_INLINE {
    for (int64_t i = 0; i < size; i += static_cast<int64_t>(D::size)) {
      Point<D> x;
      x.log_p = D::load_aligned(columns.log_p + i);
      x.p = D::load_aligned(columns.p + i);
      x.one_minus_p = D::load_aligned(columns.one_minus_p + i);
      x.target = D(1.0);
      Form::Value(x, known).store_aligned(columns.value + i);
      Form::Slope(x, known).store_aligned(columns.slope + i);
      if (columns.curvature == nullptr) continue;
      Form::Curvature(x, known).store_aligned(columns.curvature + i);
    }
  });
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TRUTH_FORM_INL_H_
