#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "server/kernels/kernels.h"
#include "server/loss/binary_block.h"
#include "server/loss/run.h"

namespace lossd::loss {
namespace {

using kernels::DenseElements;

// Elements with any target, in double.
template <typename T>
class DenseBlock {
 public:
  explicit DenseBlock(const Run<T>& run)
      : run_(run), columns_(static_cast<size_t>(13 * kElementsAtOnce)) {
    elements_.logits = Column(0);
    elements_.positive_weight = Column(1);
    elements_.negative_weight = Column(2);
    elements_.targets = Column(3);
    elements_.whole_weight = Column(4);
    elements_.losses = Column(5);
    elements_.gradient = Column(6);
    elements_.hessian = run.outputs.hessian_diagonal.empty() ? nullptr : Column(7);
    elements_.probabilities = Column(8);
    elements_.one_minus_probabilities = Column(9);
    elements_.curvature = CurvatureOf(run.options);
  }

  void Compute(int64_t begin, int64_t size,
               void (*kernel)(const DenseElements&, const FormParameters&)) {
    elements_.count = size;
    FillColumns(begin, size);
    WeighByClass(begin, size);
    Evaluate(size, kernel);
    Write(begin, size);
    if (run_.records.wanted()) Record(begin, size, kernel);
  }

 private:
  double* Column(int64_t index) { return columns_.data() + index * kElementsAtOnce; }
  double* true_targets() { return Column(10); }
  double* first_derivatives() { return Column(11); }  // of the form's logits by the request's
  double* second_derivatives() { return Column(12); }

  // y <- (1 - e) t + e / 2; the kernel reads whole batches, so the rest of the columns is 0.
  void FillColumns(int64_t begin, int64_t size) {
    std::fill(columns_.begin(), columns_.end(), 0.0);
    const double smoothing = run_.spec.label_smoothing;
    const T* const logits = run_.ElementOf(run_.logits, begin);
    ForEachElement(begin, size, run_.batch.classes, [&](int64_t i, int64_t row, int64_t k) {
      const double t = run_.labels.ignored(row, k) ? 0 : run_.labels.target(row, k);
      Column(0)[i] = static_cast<double>(logits[i]);
      true_targets()[i] = t;
      Column(3)[i] = (1 - smoothing) * t + smoothing / 2;
    });
    if (run_.transform.identity()) return;
    const auto count = static_cast<size_t>(size);
    run_.transform.Apply(-1, {Column(0), count}, {first_derivatives(), count},
                         {second_derivatives(), count});
  }

  void Evaluate(int64_t size, void (*kernel)(const DenseElements&, const FormParameters&)) {
    kernel(elements_, run_.spec.parameters);
    if (run_.transform.identity()) return;
    for (int64_t i = 0; i < size; ++i) {
      const double first = first_derivatives()[i];
      double& gradient = Column(6)[i];
      if (elements_.hessian != nullptr) {
        double& hessian = elements_.hessian[i];
        hessian = hessian * first * first + gradient * second_derivatives()[i];
      }
      gradient *= first;
    }
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
    const bool positive = run_.options.hessian_mode == HessianMode::kPositive;
    for (int64_t i = 0; i < size; ++i) {
      const double s = run_.batch.sample_weights[begin + i];
      const double scale = s * run_.batch.upstream_gradient[begin + i] * run_.derivative_scale;
      const double gradient_scale = scale * run_.options.gradient_scale;
      const auto scaled = [](double value, double factor) {
        return factor == 0 ? T(0) : static_cast<T>(value * factor);
      };
      *run_.LossOf(begin + i) = scaled(Column(5)[i], s);
      if (T* out = run_.ElementOf(run_.outputs.gradient, begin))
        out[i] = scaled(Column(6)[i], gradient_scale);
      if (T* out = run_.ElementOf(run_.outputs.hessian_diagonal, begin)) {
        const double h = Column(7)[i];
        out[i] =
            positive ? std::max(scaled(std::abs(h), scale), T(kHessianFloor)) : scaled(h, scale);
      }
      if (T* out = run_.ElementOf(run_.outputs.probabilities, begin))
        out[i] = static_cast<T>(Column(8)[i]);
    }
  }

  void Record(int64_t begin, int64_t size,
              void (*kernel)(const DenseElements&, const FormParameters&)) {
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
