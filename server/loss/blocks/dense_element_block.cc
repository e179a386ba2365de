#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "server/kernels/kernels.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/binary_block.h"

namespace lossd::loss {
namespace {

using kernels::DenseElements;

// So many that their columns stay in the L1 cache.
constexpr int64_t kDenseElementsAtOnce = 128;

// Elements with any target, in double. Columns hold numbers past the elements too, for the kernel
// reads whole batches.
template <typename T>
class DenseBlock {
 public:
  explicit DenseBlock(const Run<T>& run)
      : run_(run),
        scales_alike_(run.batch.sample_weights.empty() && run.batch.upstream_gradient.empty()),
        columns_(static_cast<size_t>(13 * kDenseElementsAtOnce)) {
    elements_.logits = Column(0);
    elements_.positive_weight = Column(1);
    elements_.negative_weight = Column(2);
    elements_.targets = Column(3);
    elements_.whole_weight = Column(4);
    elements_.losses = Column(5);
    elements_.gradient = Column(6);
    elements_.hessian = run.outputs[Output::kHessianDiagonal].empty() ? nullptr : Column(7);
    elements_.probabilities = Column(8);
    elements_.one_minus_probabilities = Column(9);
    elements_.curvature = CurvatureOf(run.options);
  }

  using Kernel = void (*)(const DenseElements&, const FormParameters&);

  void Compute(int64_t begin, int64_t size, Kernel kernel) {
    for (const int64_t end = begin + size; begin < end; begin += kDenseElementsAtOnce) {
      ComputeColumns(begin, std::min(kDenseElementsAtOnce, end - begin), kernel);
    }
  }

 private:
  void ComputeColumns(int64_t begin, int64_t size, Kernel kernel) {
    elements_.count = size;
    FillColumns(begin, size);
    if (run_.terms.empty() && run_.labels.ignores_none()) {
      WeighEqually(size);
    } else {
      WeighByClass(begin, size);
    }
    Evaluate(size, kernel);
    Write(begin, size);
    if (run_.records.wanted()) Record(begin, size, kernel);
  }

  double* Column(int64_t index) { return columns_.data() + index * kDenseElementsAtOnce; }
  double* true_targets() { return Column(10); }
  double* first_derivatives() { return Column(11); }  // of the form's logits by the request's
  double* second_derivatives() { return Column(12); }

  // y <- (1 - e) t + e / 2
  void FillColumns(int64_t begin, int64_t size) {
    const T* const logits = run_.ElementOf(run_.logits, begin);
    std::copy(logits, logits + size, Column(0));
    run_.labels.CopyElements(begin, size, true_targets());
    const double smoothing = run_.spec.label_smoothing;
    const double* const t = true_targets();
    double* const y = Column(3);
    for (int64_t i = 0; i < size; ++i) y[i] = (1 - smoothing) * t[i] + smoothing / 2;
    if (run_.transform.identity()) return;
    const auto count = static_cast<size_t>(size);
    run_.transform.Apply(-1, {Column(0), count}, {first_derivatives(), count},
                         {second_derivatives(), count});
  }

  void Evaluate(int64_t size, Kernel kernel) {
    kernel(elements_, run_.spec.parameters);
    if (run_.transform.identity()) return;
    for (int64_t i = 0; i < size; ++i) {
      const double first = first_derivatives()[i];
      double& gradient = Column(6)[i];
      if (elements_.hessian != nullptr) {
        double& hessian = elements_.hessian[i];
        hessian = Chained(hessian, first * first) + Chained(gradient, second_derivatives()[i]);
      }
      gradient = Chained(gradient, first);
    }
  }

  // A derivative by another variable; 0 stays 0, for an ignored element's logit may be anything.
  static double Chained(double derivative, double factor) {
    return derivative == 0 ? 0 : derivative * factor;
  }

  void WeighByClass(int64_t begin, int64_t size) {
    ForEachElement(begin, size, run_.batch.classes, [&](int64_t i, int64_t row, int64_t k) {
      const double used = run_.labels.ignored(row, k) ? 0 : 1;
      Column(1)[i] = used * run_.terms.positive(k) * Column(3)[i];
      Column(2)[i] = used * run_.terms.negative(k) * (1 - Column(3)[i]);
      Column(4)[i] = used * run_.terms.whole(k, true_targets()[i]);
    });
  }

  void WeighEqually(int64_t size) {
    for (int64_t i = 0; i < size; ++i) {
      Column(1)[i] = Column(3)[i];
      Column(2)[i] = 1 - Column(3)[i];
      Column(4)[i] = 1;
    }
  }

  void Write(int64_t begin, int64_t size) {
    WriteScaled(Column(5), size, run_.LossOf(begin),
                [&](int64_t i) { return SampleWeight(begin + i); });
    WriteScaled(Column(6), size, run_.ElementOf(run_.outputs[Output::kGradient], begin),
                [&](int64_t i) { return Scale(begin + i) * run_.options.gradient_scale; });
    if (T* const out = run_.ElementOf(run_.outputs[Output::kHessianDiagonal], begin)) {
      WriteHessian(begin, size, out);
    }
    if (T* const out = run_.ElementOf(run_.outputs[Output::kProbabilities], begin)) {
      std::transform(Column(8), Column(8) + size, out, [](double p) { return static_cast<T>(p); });
    }
  }

  double SampleWeight(int64_t sample) const { return run_.batch.sample_weights[sample]; }
  double Scale(int64_t sample) const {
    return SampleWeight(sample) * run_.batch.upstream_gradient[sample] * run_.derivative_scale;
  }

  // out_i = values_i * scale(i), and 0 where that is 0; `out` may be null.
  template <class F>
  void WriteScaled(const double* values, int64_t size, T* out, F scale) const {
    if (out == nullptr || size == 0) return;
    const double first = scale(0);
    if (scales_alike_ && first != 0) {
      for (int64_t i = 0; i < size; ++i) out[i] = static_cast<T>(values[i] * first);
      return;
    }
    for (int64_t i = 0; i < size; ++i) {
      const double factor = scale(i);
      out[i] = factor == 0 ? T(0) : static_cast<T>(values[i] * factor);
    }
  }

  void WriteHessian(int64_t begin, int64_t size, T* out) {
    double* const hessian = Column(7);
    const bool positive = run_.options.hessian_mode == HessianMode::kPositive;
    for (int64_t i = 0; positive && i < size; ++i) hessian[i] = std::abs(hessian[i]);
    WriteScaled(hessian, size, out, [&](int64_t i) { return Scale(begin + i); });
    for (int64_t i = 0; positive && i < size; ++i) out[i] = std::max(out[i], T(kHessianFloor));
  }

  void Record(int64_t begin, int64_t size, Kernel kernel) {
    for (int64_t i = 0; i < size; ++i) {
      const auto sample = static_cast<size_t>(begin + i);
      const double s = run_.batch.sample_weights[begin + i];
      const double t = true_targets()[i];
      const double p = t * Column(8)[i] + (1 - t) * Column(9)[i];
      run_.records.true_probability[sample] = p;
      run_.records.gradient_l1[sample] = s == 0 ? 0 : s * std::abs(Column(6)[i]);
    }
    if (!run_.options.vanishing) return;
    if (!run_.terms.empty()) {
      WeighEqually(size);
      Evaluate(size, kernel);
    }
    for (int64_t i = 0; i < size; ++i) {
      const auto sample = static_cast<size_t>(begin + i);
      const double p = run_.records.true_probability[sample];
      run_.records.vanishing[sample] = Vanishes(p, Column(6)[i]) ? 1 : 0;
    }
  }

  const Run<T>& run_;
  const bool scales_alike_;  // as all elements' are
  std::vector<double> columns_;
  DenseElements elements_;
};

template <typename T>
auto BinaryKernelOf(const kernels::FormKernels& kernels) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return kernels.binary_elements_f32;
  } else {
    return kernels.binary_elements_f64;
  }
}

// Where elements labelled softly and hard meet, each is computed by the path of its own kind, so
// that its bits do not depend on its neighbours.
template <typename T, class Kernel>
void ComputeTargets(const Run<T>& run, int64_t begin, int64_t end, Kernel binary_kernel,
                    void (*dense_kernel)(const DenseElements&, const FormParameters&)) {
  BinaryBlock<T> binary(run);
  std::optional<DenseBlock<T>> dense;
  for (int64_t i = begin; i < end; i += kElementsAtOnce) {
    const int64_t size = std::min(kElementsAtOnce, end - i);
    const int64_t hard = binary.ComputeIfHard(i, size, binary_kernel);
    if (hard == size) continue;
    if (!dense) dense.emplace(run);
    dense->Compute(i, size, dense_kernel);
    if (hard > 0) binary.ComputeHardOnes(i, size, binary_kernel);
  }
}

template <class Block, class Kernel>
void ComputeBlocks(Block block, int64_t begin, int64_t end, Kernel kernel) {
  for (int64_t i = begin; i < end; i += kElementsAtOnce) {
    block.Compute(i, std::min(kElementsAtOnce, end - i), kernel);
  }
}

}  // namespace

template <typename T>
void ComputeSigmoidRows(const Run<T>& run, int64_t begin_row, int64_t end_row) {
  const kernels::FormKernels& kernels = KernelsOf(*run.spec.form);
  const int64_t begin = begin_row * run.batch.classes;
  const int64_t end = end_row * run.batch.classes;
  const auto binary_kernel = BinaryKernelOf<T>(kernels);
  const bool plain = run.spec.label_smoothing == 0 && run.transform.identity();
  if (!plain || binary_kernel == nullptr) {
    ComputeBlocks(DenseBlock<T>(run), begin, end, kernels.dense_elements);
  } else if (run.labels.hard()) {
    ComputeBlocks(BinaryBlock<T>(run), begin, end, binary_kernel);
  } else {
    ComputeTargets(run, begin, end, binary_kernel, kernels.dense_elements);
  }
}

template void ComputeSigmoidRows(const Run<float>&, int64_t, int64_t);
template void ComputeSigmoidRows(const Run<double>&, int64_t, int64_t);

}  // namespace lossd::loss
