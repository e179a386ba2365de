#include "server/loss/blocks/margins.h"

#include <cassert>
#include <cmath>
#include <limits>

#include "server/kernels/dispatch.h"
#include "server/kernels/workspace.h"
#include "server/loss/blocks/sample_outcomes.h"
#include "server/loss/blocks/strided_rows.h"

namespace lossd::loss {
namespace {

template <typename T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();

float Largest(const float* values, int64_t count) {
  return kernels::CurrentLargest().of_f32(values, count);
}
double Largest(const double* values, int64_t count) {
  return kernels::CurrentLargest().of_f64(values, count);
}

// Returns the larger of the two, and NaN when one of them is.
template <typename T>
T Larger(T value, T largest) {
  const T larger = value > largest ? value : largest;
  return std::isnan(value) ? value : larger;
}

// Returns the largest logit of the other classes: NaN when one of them is, −∞ when there are none.
template <typename T>
T LargestOther(const T* z, int64_t classes, int64_t truth) {
  if (classes > kernels::kMaxStridedClasses) {
    return Larger(Largest(z, truth), Largest(z + truth + 1, classes - truth - 1));
  }
  // A few logits are compared in less time than a kernel is called.
  T largest = -kInfinity<T>;
  bool has_nan = false;
  for (int64_t k = 0; k < classes; ++k) {
    const T other = k == truth ? -kInfinity<T> : z[k];
    largest = other > largest ? other : largest;
    has_nan |= std::isnan(other);
  }
  return has_nan ? std::numeric_limits<T>::quiet_NaN() : largest;
}

// Returns a softmax sample's margin. Its bits do not depend on the sign of a zero that is the
// largest of the others.
template <typename T>
T Subtract(T truth, T largest_other) {
  return truth - (largest_other + T(0));
}

// Returns the margin, with the same NaN on every machine: instructions' own differ in the sign.
template <typename T>
T WithOneNan(T margin) {
  return std::isnan(margin) ? std::numeric_limits<T>::quiet_NaN() : margin;
}

template <typename T>
T SampleMargin(const BatchPlan& plan, const T* z, int64_t row, int64_t k) {
  if (plan.labels.ignored(row, k)) return T(0);
  if (!plan.is_softmax()) return plan.labels.target(row, k) >= 0.5 ? z[k] : -z[k];
  const int64_t truth = FindTrueClass(plan, row);
  return Subtract(z[truth], LargestOther(z, plan.batch.classes, truth));
}

// Returns whether no logit before that of `truth` is as large.
template <typename T>
bool IsBeforeItsEquals(const LogitRow<T>& z, int64_t truth) {
  for (int64_t k = 0; k < truth; ++k) {
    if (z[k] == z[truth]) return false;
  }
  return true;
}

// Writes the margins of `count` softmax rows from `row` on that lie side by side, with few classes.
// `z` is where the first one's logits begin. All rows are compared class by class, in the order of
// memory.
template <typename T>
void ComputeGroup(const BatchPlan& plan, const T* z, int64_t row, int64_t count, T* margins) {
  const int64_t inner = plan.batch.inner;
  T truth[kMostGroupRows];  // as wide as the logits, beside which it is compared
  T own[kMostGroupRows];    // the logit of the truth
  T largest[kMostGroupRows];
  for (int64_t i = 0; i < count; ++i) {
    truth[i] = static_cast<T>(FindTrueClass(plan, row + i));
    own[i] = T(0);
    largest[i] = -kInfinity<T>;
  }
  for (int64_t k = 0; k < plan.batch.classes; ++k) {
    const T* const column = z + k * inner;
    const auto id = static_cast<T>(k);
    for (int64_t i = 0; i < count; ++i) {
      const T value = column[i];
      own[i] = truth[i] == id ? value : own[i];
    }
    for (int64_t i = 0; i < count; ++i) {
      const T value = column[i];
      largest[i] = Larger(truth[i] == id ? -kInfinity<T> : value, largest[i]);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    const bool ignored = plan.labels.ignored(row + i, 0);
    margins[i] = ignored ? T(0) : WithOneNan(Subtract(own[i], largest[i]));
  }
}

}  // namespace

template <typename T>
void ComputeMargins(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end) {
  if (window.layout == MatrixLayout::kStrided) {
    assert(plan.is_softmax() && plan.batch.classes <= kernels::kMaxStridedClasses);
    const StridedMatrix matrix = {plan.batch.classes, plan.batch.inner};
    ForEachGroup(matrix, begin, end, [&](int64_t row, int64_t offset, int64_t count) {
      T* const out = window.SampleAt(Output::kMargin, row);
      ComputeGroup(plan, window.logits.data() + offset, row, count, out);
    });
    return;
  }
  const int64_t per_row = plan.samples_per_row();
  for (int64_t row = begin; row < end; ++row) {
    const T* const z = window.RowAt(window.logits, row);
    T* const out = window.SampleAt(Output::kMargin, row * per_row);
    for (int64_t k = 0; k < per_row; ++k) out[k] = WithOneNan(SampleMargin(plan, z, row, k));
  }
}

template <typename T>
void JudgeMargins(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end) {
  const int64_t per_row = plan.samples_per_row();
  const auto is_correct = [&](int64_t row, int64_t k, T margin) {
    if (plan.labels.ignored(row, k)) return false;
    if (!plan.is_softmax())
      return margin > T(0) || (margin == T(0) && plan.labels.target(row, k) < 0.5);
    if (margin != T(0)) return margin > T(0);
    return IsBeforeItsEquals(FindLogits(window, plan.batch, row), FindTrueClass(plan, row));
  };
  for (int64_t row = begin; row < end; ++row) {
    const T* const margins = window.SampleAt(Output::kMargin, row * per_row);
    uint8_t* const correct = window.records.correct.data() + row * per_row;
    for (int64_t k = 0; k < per_row; ++k) correct[k] = is_correct(row, k, margins[k]) ? 1 : 0;
  }
}

template void ComputeMargins(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputeMargins(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);
template void JudgeMargins(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void JudgeMargins(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
