#include "server/loss/blocks/margins.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "server/kernels/dispatch.h"
#include "server/loss/blocks/sample_outcomes.h"

namespace lossd::loss {
namespace {

float Largest(const float* values, int64_t count) {
  return kernels::CurrentLargest().of_f32(values, count);
}
double Largest(const double* values, int64_t count) {
  return kernels::CurrentLargest().of_f64(values, count);
}

// Returns the largest of the logits of classes [begin, end), as LargestKernels says.
template <typename T>
T LargestLogit(const LogitRow<T>& z, int64_t begin, int64_t end) {
  if (z.stride == 1) return Largest(z.first + begin, end - begin);
  T largest = -std::numeric_limits<T>::infinity();
  for (int64_t k = begin; k < end; ++k) {
    if (std::isnan(z[k])) return z[k];
    largest = std::max(largest, z[k]);
  }
  return largest + T(0);  // −0 counts as +0.
}

template <typename T>
T RowMargin(const LogitRow<T>& z, int64_t classes, int64_t truth) {
  const T before = LargestLogit(z, 0, truth);
  const T after = LargestLogit(z, truth + 1, classes);
  // A NaN makes the sum one, whichever of the two it is.
  const T others =
      std::isnan(before) || std::isnan(after) ? before + after : std::max(before, after);
  return z[truth] - others;
}

template <typename T>
T SampleMargin(const BatchPlan& plan, const LogitRow<T>& z, int64_t row, int64_t k) {
  if (plan.labels.ignored(row, k)) return T(0);
  if (plan.is_softmax()) return RowMargin(z, plan.batch.classes, FindTrueClass(plan, row));
  return plan.labels.target(row, k) >= 0.5 ? z[k] : -z[k];
}

}  // namespace

template <typename T>
void ComputeMargins(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end) {
  const int64_t per_row = plan.samples_per_row();
  for (int64_t row = begin; row < end; ++row) {
    const LogitRow<T> z = FindLogits(window, plan.batch, row);
    T* const out = window.SampleAt(Output::kMargin, row * per_row);
    for (int64_t k = 0; k < per_row; ++k) {
      const T margin = SampleMargin(plan, z, row, k);
      // All instruction sets give this NaN; those of their own differ in the sign.
      out[k] = std::isnan(margin) ? std::numeric_limits<T>::quiet_NaN() : margin;
    }
  }
}

template void ComputeMargins(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputeMargins(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
