#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "server/kernels/kernels.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/class_id_block.h"

namespace lossd::loss {
namespace {

using kernels::DenseRow;

// Rows with a target per class, one at a time in double.
template <typename T>
class DenseBlock {
 public:
  explicit DenseBlock(const Run<T>& run)
      : run_(run),
        classes_(run.batch.classes),
        padded_(kernels::PaddedSize(classes_)),
        arrays_(static_cast<size_t>(12 * padded_)) {
    row_.class_count = classes_;
    row_.logits = Array(0);
    row_.weighted_targets = Array(1);
    row_.targets = Array(2);
    row_.probabilities = Array(3);
    row_.one_minus_probabilities = Array(4);
    row_.gradient = Array(5);
    row_.hessian = run.outputs[Output::kHessianDiagonal].empty() ? nullptr : Array(6);
    row_.workspace = Array(7);
    row_.curvature = CurvatureOf(run.options);
  }

  void Compute(int64_t index, void (*kernel)(DenseRow&, const FormParameters&)) {
    const bool ignored = run_.labels.ignored(index, 0);
    LoadTargets(index, ignored);
    LoadLogits(index);
    if (!run_.transform.identity()) TransformLogits(index, ignored);
    WeighByClass();
    Evaluate(ignored, kernel);
    Write(index, ignored);
    if (run_.records.wanted()) Record(index, ignored, kernel);
  }

 private:
  double* Array(int64_t index) { return arrays_.data() + index * padded_; }
  double* true_targets() { return Array(9); }
  double* first_derivatives() { return Array(10); }  // of the form's logits by the request's
  double* second_derivatives() { return Array(11); }

  void LoadLogits(int64_t index) {
    double* const logits = Array(0);
    const T* const in = run_.RowOf(run_.logits, index);
    for (int64_t k = 0; k < classes_; ++k) logits[k] = static_cast<double>(in[k]);
    std::fill(logits + classes_, logits + padded_, -std::numeric_limits<double>::infinity());
  }

  void TransformLogits(int64_t index, bool ignored) {
    const auto size = static_cast<size_t>(classes_);
    const bool labelled = !ignored && run_.labels.has_class_ids();
    run_.transform.Apply(labelled ? run_.labels.class_id(index) : -1, {Array(0), size},
                         {first_derivatives(), size}, {second_derivatives(), size});
  }

  // t, then y <- (1 - e) t + (e / C) sum t. An ignored row has no targets at all.
  void LoadTargets(int64_t index, bool ignored) {
    double* const t = true_targets();
    double* const y = Array(2);
    if (ignored) {
      std::fill(t, t + classes_, 0.0);
    } else {
      run_.labels.CopyRow(index, t);
    }
    FindTruth(index, ignored);
    const double smoothing = run_.spec.label_smoothing;
    const double spread = smoothing / static_cast<double>(classes_) * target_sum_;
    for (int64_t k = 0; k < classes_; ++k) y[k] = (1 - smoothing) * t[k] + spread;
  }

  void FindTruth(int64_t index, bool ignored) {
    if (run_.labels.has_class_ids() && !ignored) {
      target_sum_ = 1;
      true_class_ = run_.labels.class_id(index);
      return;
    }
    const double* const t = true_targets();
    target_sum_ = 0;
    true_class_ = 0;
    for (int64_t k = 0; k < classes_; ++k) {
      target_sum_ += t[k];
      if (t[k] > t[true_class_]) true_class_ = k;
    }
  }

  void WeighByClass() {
    if (run_.terms.weights().empty()) {
      WeighEqually();
      return;
    }
    const double* const t = true_targets();
    double weighted_sum = 0;
    for (int64_t k = 0; k < classes_; ++k) {
      const double v = run_.terms.weight(k);
      Array(1)[k] = v * Array(2)[k];
      weighted_sum += v * t[k];
    }
    row_.whole_weight = target_sum_ == 0 ? 0 : weighted_sum / target_sum_;
  }

  void WeighEqually() {
    std::copy(Array(2), Array(2) + classes_, Array(1));
    row_.whole_weight = target_sum_ == 0 ? 0 : 1;
  }

  void Evaluate(bool ignored, void (*kernel)(DenseRow&, const FormParameters&)) {
    kernel(row_, run_.spec.parameters);
    if (run_.spec.z_loss != 0 && !ignored) AddZLoss();
    if (!run_.transform.identity()) ChainToRequest();
  }

  // lambda logsumexp^2, whose gradient is 2 lambda logsumexp p. Chowdhery et al. 2022,
  // arXiv:2204.02311.
  void AddZLoss() {
    const double lambda = run_.spec.z_loss;
    const double slope = 2 * lambda * row_.log_sum_exp;
    row_.loss += lambda * row_.log_sum_exp * row_.log_sum_exp;
    for (int64_t k = 0; k < classes_; ++k) {
      const double p = row_.probabilities[k];
      row_.gradient[k] += slope * p;
      if (row_.hessian == nullptr) continue;
      row_.hessian[k] += 2 * lambda * p * p + slope * p * row_.one_minus_probabilities[k];
    }
  }

  void ChainToRequest() {
    for (int64_t k = 0; k < classes_; ++k) {
      const double first = first_derivatives()[k];
      if (row_.hessian != nullptr) {
        row_.hessian[k] =
            row_.hessian[k] * first * first + row_.gradient[k] * second_derivatives()[k];
      }
      row_.gradient[k] *= first;
    }
  }

  void Write(int64_t index, bool ignored) {
    const double s = ignored ? 0 : run_.batch.sample_weights[index];
    const double scale = s * run_.batch.upstream_gradient[index] * run_.derivative_scale;
    const auto row = static_cast<size_t>(index);
    *run_.LossOf(index) = s == 0 ? T(0) : static_cast<T>(s * row_.loss);
    if (T* out = run_.RowOf(run_.outputs[Output::kGradient], index)) {
      WriteScaled(row_.gradient, scale * run_.options.gradient_scale, out);
    }
    if (T* out = run_.RowOf(run_.outputs[Output::kHessianDiagonal], index))
      WriteHessian(scale, out);
    if (T* out = run_.RowOf(run_.outputs[Output::kProbabilities], index))
      WriteScaled(row_.probabilities, 1, out);
    if (!run_.outputs[Output::kLogSumExp].empty()) {
      run_.outputs[Output::kLogSumExp][row] = static_cast<T>(row_.log_sum_exp);
    }
  }

  void WriteScaled(const double* in, double scale, T* out) const {
    if (scale == 0) {
      std::fill(out, out + classes_, T(0));
      return;
    }
    for (int64_t k = 0; k < classes_; ++k) out[k] = static_cast<T>(in[k] * scale);
  }

  void WriteHessian(double scale, T* out) const {
    const bool positive = run_.options.hessian_mode == HessianMode::kPositive;
    for (int64_t k = 0; positive && k < classes_; ++k) row_.hessian[k] = std::abs(row_.hessian[k]);
    WriteScaled(row_.hessian, scale, out);
    for (int64_t k = 0; positive && k < classes_; ++k) out[k] = std::max(out[k], T(kHessianFloor));
  }

  double TrueProbability() const {
    if (target_sum_ == 0) return 0;
    double sum = 0;
    const double* const t = arrays_.data() + 9 * padded_;
    for (int64_t k = 0; k < classes_; ++k) sum += t[k] == 0 ? 0 : t[k] * row_.probabilities[k];
    return sum / target_sum_;
  }

  void Record(int64_t index, bool ignored, void (*kernel)(DenseRow&, const FormParameters&)) {
    const auto row = static_cast<size_t>(index);
    const double s = ignored ? 0 : run_.batch.sample_weights[index];
    double l1 = 0;
    for (int64_t k = 0; k < classes_; ++k) l1 += std::abs(row_.gradient[k]);
    const double p = TrueProbability();
    run_.records.true_probability[row] = p;
    run_.records.gradient_l1[row] = s == 0 ? 0 : s * l1;
    run_.records.vanishing[row] = 0;
    if (!run_.options.vanishing || !(p < kConfidentlyWrong)) return;
    if (!run_.terms.empty()) {
      WeighEqually();
      Evaluate(ignored, kernel);
    }
    run_.records.vanishing[row] = Vanishes(p, row_.gradient[true_class_]) ? 1 : 0;
  }

  const Run<T>& run_;
  int64_t classes_;
  int64_t padded_;
  std::vector<double> arrays_;
  DenseRow row_;
  double target_sum_ = 0;
  int64_t true_class_ = 0;
};

template <typename T>
auto ClassIdKernelOf(const kernels::FormKernels& kernels) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return kernels.class_id_rows_f32;
  } else {
    return kernels.class_id_rows_f64;
  }
}

// The kernel of rows with one true class, or null when the batch or the loss asks for more than it
// does.
template <typename T>
auto FastKernelOf(const Run<T>& run) -> decltype(ClassIdKernelOf<T>(KernelsOf(*run.spec.form))) {
  const bool plain =
      run.spec.label_smoothing == 0 && run.spec.z_loss == 0 && run.transform.identity();
  if (!plain || !run.labels.has_class_ids()) return nullptr;
  return ClassIdKernelOf<T>(KernelsOf(*run.spec.form));
}

}  // namespace

template <typename T>
bool ComputesStridedSoftmax(const Run<T>& run) {
  // Rows that are next to each other fill the kernel's tiles, or it computes many for nothing.
  constexpr int64_t kFewestRows = 64;
  return run.batch.classes <= kernels::kMaxStridedClasses && run.batch.inner >= kFewestRows &&
         FastKernelOf(run) != nullptr;
}

template <typename T>
bool ComputesSoftmaxOfPieces(const Run<T>& run) {
  return FastKernelOf(run) != nullptr;
}

template <typename T>
void ComputeSoftmaxRows(const Run<T>& run, int64_t begin, int64_t end) {
  const auto fast_kernel = FastKernelOf(run);
  if (fast_kernel == nullptr) {
    DenseBlock<T> block(run);
    const auto kernel = KernelsOf(*run.spec.form).dense_row;
    for (int64_t row = begin; row < end; ++row) block.Compute(row, kernel);
  } else if (run.layout == MatrixLayout::kRows) {
    ClassIdBlock<T>(run, begin, end).Compute(fast_kernel);
  } else {
    // Rows are next to each other as far as the end of their entry of axis 0.
    const int64_t inner = run.batch.inner;
    for (int64_t row = begin; row < end;) {
      const int64_t stop = std::min(end, (row / inner + 1) * inner);
      ClassIdBlock<T>(run, row, stop).Compute(fast_kernel);
      row = stop;
    }
  }
}

template bool ComputesStridedSoftmax(const Run<float>&);
template bool ComputesStridedSoftmax(const Run<double>&);
template bool ComputesSoftmaxOfPieces(const Run<float>&);
template bool ComputesSoftmaxOfPieces(const Run<double>&);
template void ComputeSoftmaxRows(const Run<float>&, int64_t, int64_t);
template void ComputeSoftmaxRows(const Run<double>&, int64_t, int64_t);

}  // namespace lossd::loss
