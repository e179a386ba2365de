#ifndef LOSSD_SERVER_LOSS_BLOCKS_DENSE_ELEMENT_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_DENSE_ELEMENT_BLOCK_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "server/kernels/dense_elements.h"
#include "server/kernels/hessian.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/cut_memory.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/wide.h"

namespace lossd::loss {

// Sigmoid elements with any target, in double. Columns hold numbers past the elements too, for the
// kernel reads whole registers.
template <typename T>
class DenseElementBlock {
 public:
  using Kernel = void (*)(const kernels::DenseElements&, const FormParameters&);

  DenseElementBlock(const BatchPlan& plan, const RowWindow<T>& window)
      : plan_(plan), window_(window), target_scale_(plan.spec.target_scale()) {
    elements_.logits = columns_.logits;
    elements_.positive_weight = columns_.positive_weight;
    elements_.negative_weight = columns_.negative_weight;
    elements_.targets = columns_.targets;
    elements_.whole_weight = columns_.whole_weight;
    elements_.losses = columns_.losses;
    elements_.gradient = columns_.gradient;
    elements_.hessian =
        window.outputs[Output::kHessianDiagonal].empty() ? nullptr : columns_.hessian;
    elements_.probabilities = columns_.probabilities;
    elements_.one_minus_probabilities = columns_.one_minus_probabilities;
    elements_.curvature = plan.curvature;
    if (plan.scales.alike()) {
      const SampleScale scale = plan.scales[0];
      std::fill(columns_.loss_scale, columns_.loss_scale + kAtOnce, scale.loss);
      std::fill(columns_.gradient_scale, columns_.gradient_scale + kAtOnce, scale.gradient);
      std::fill(columns_.hessian_scale, columns_.hessian_scale + kAtOnce, scale.hessian);
    }
  }

  void Compute(int64_t begin, int64_t size, Kernel kernel) {
    for (const int64_t end = begin + size; begin < end; begin += kAtOnce) {
      ComputeColumns(begin, std::min(kAtOnce, end - begin), kernel);
    }
  }

 private:
  // So many elements that their columns stay in the L1 cache.
  static constexpr int64_t kAtOnce = 128;

  struct Columns {
    CutMemory<double> memory = CutMemory<double>(17 * kAtOnce);
    double* const logits = memory.Cut(kAtOnce);  // the form's
    double* const positive_weight = memory.Cut(kAtOnce);
    double* const negative_weight = memory.Cut(kAtOnce);
    double* const targets = memory.Cut(kAtOnce);  // smoothed
    double* const whole_weight = memory.Cut(kAtOnce);
    double* const losses = memory.Cut(kAtOnce);
    double* const gradient = memory.Cut(kAtOnce);
    double* const hessian = memory.Cut(kAtOnce);
    double* const probabilities = memory.Cut(kAtOnce);
    double* const one_minus_probabilities = memory.Cut(kAtOnce);
    double* const true_targets = memory.Cut(kAtOnce);  // before smoothing
    // Derivatives of the form's logits with respect to the request's.
    double* const first_derivatives = memory.Cut(kAtOnce);
    double* const second_derivatives = memory.Cut(kAtOnce);
    double* const loss_scale = memory.Cut(kAtOnce);
    double* const gradient_scale = memory.Cut(kAtOnce);
    double* const hessian_scale = memory.Cut(kAtOnce);
    double* const used = memory.Cut(kAtOnce);  // 0 for ignored elements, else 1
  };

  void ComputeColumns(int64_t begin, int64_t size, Kernel kernel) {
    elements_.count = size;
    LoadColumns(begin, size);
    if (!plan_.scales.alike()) LoadScales(begin, size);
    const bool weighs_by_class =
        !plan_.terms.empty() || (plan_.scales.wide() && target_scale_ != 1);
    if (!weighs_by_class && plan_.labels.ignores_none()) {
      WeighEqually(size);
    } else {
      plan_.labels.CopyUsed(begin, size, columns_.used);
      if (weighs_by_class) {
        WeighByClass(begin, size);
      } else {
        WeighUsed(size);
      }
    }
    Evaluate(size, kernel);
    Write(begin, size);
    if (window_.records.wanted()) Record(begin, size, kernel);
  }

  // Writes the form's logits, t, and y = (1 - ε) t + ε / 2.
  void LoadColumns(int64_t begin, int64_t size) {
    const T* const logits = window_.ElementAt(window_.logits, begin);
    std::copy(logits, logits + size, columns_.logits);
    plan_.labels.CopyElements(begin, size, columns_.true_targets);
    const double smoothing = plan_.spec.label_smoothing;
    const double* const t = columns_.true_targets;
    double* const y = columns_.targets;
    for (int64_t i = 0; i < size; ++i) y[i] = (1 - smoothing) * t[i] + smoothing / 2;
    if (plan_.transform.identity()) return;
    const auto count = static_cast<size_t>(size);
    plan_.transform.Apply(-1, {columns_.logits, count}, {columns_.first_derivatives, count},
                          {columns_.second_derivatives, count});
  }

  // Writes the factors of each element: 0 for ignored ones, whose upstream gradient may be
  // anything.
  void LoadScales(int64_t begin, int64_t size) {
    if (plan_.scales.wide()) return LoadWideScales(begin, size);
    plan_.scales.Copy(begin, size, columns_.loss_scale, columns_.gradient_scale,
                      columns_.hessian_scale);
    if (!plan_.scales.has_upstream()) return;
    for (double* const column :
         {columns_.loss_scale, columns_.gradient_scale, columns_.hessian_scale}) {
      plan_.labels.ClearUnused(begin, size, column);
    }
  }

  void LoadWideScales(int64_t begin, int64_t size) {
    ForEachElement(begin, size, plan_.batch.classes, [&](int64_t i, int64_t row, int64_t k) {
      const bool used = !plan_.labels.ignored(row, k);
      const Wide unit = std::scalbn(Wide{1}, WeightExponent(k, i));
      const SampleScale scale = used ? plan_.scales.WithClass(begin + i, unit) : SampleScale();
      columns_.loss_scale[i] = scale.loss;
      columns_.gradient_scale[i] = scale.gradient;
      columns_.hessian_scale[i] = scale.hessian;
    });
  }

  // Returns the exponent of the power of two that is taken out of the weights of element i, of
  // column k, where scales are wide: that of the largest of them.
  int WeightExponent(int64_t k, int64_t i) const {
    if (plan_.terms.empty() && target_scale_ == 1) return 0;
    const double y = columns_.targets[i];
    const Wide largest =
        plan_.kernels.weighs_whole
            ? plan_.terms.whole(k, columns_.true_targets[i]) * target_scale_
            : std::max(WideProduct({plan_.terms.positive(k), y, target_scale_}),
                       WideProduct({plan_.terms.negative(k), 1 - y, target_scale_}));
    return largest == 0 ? 0 : std::ilogb(largest);
  }

  void Evaluate(int64_t size, Kernel kernel) {
    kernel(elements_, plan_.spec.parameters);
    if (plan_.transform.identity()) return;
    for (int64_t i = 0; i < size; ++i) {
      const double first = columns_.first_derivatives[i];
      double& gradient = columns_.gradient[i];
      if (elements_.hessian != nullptr) {
        double& hessian = elements_.hessian[i];
        hessian = Chain(hessian, first * first) + Chain(gradient, columns_.second_derivatives[i]);
      }
      gradient = Chain(gradient, first);
    }
  }

  // Returns a derivative times a factor of the chain rule; 0 stays 0, for an ignored element's
  // logit may be anything.
  static double Chain(double derivative, double factor) {
    return derivative == 0 ? 0 : derivative * factor;
  }

  void WeighByClass(int64_t begin, int64_t size) {
    if (plan_.scales.wide()) return WeighByScaledClass(begin, size);
    ForEachElement(begin, size, plan_.batch.classes, [&](int64_t i, int64_t, int64_t k) {
      const double used = columns_.used[i];
      const double y = columns_.targets[i];
      columns_.positive_weight[i] = used * plan_.terms.positive(k) * y;
      columns_.negative_weight[i] = used * plan_.terms.negative(k) * (1 - y);
      columns_.whole_weight[i] = used * plan_.terms.whole(k, columns_.true_targets[i]);
    });
    ScaleWeights(size);
  }

  void WeighByScaledClass(int64_t begin, int64_t size) {
    ForEachElement(begin, size, plan_.batch.classes, [&](int64_t i, int64_t, int64_t k) {
      const double used = columns_.used[i];
      const double y = columns_.targets[i];
      const auto scaled = [&, exponent = WeightExponent(k, i)](Wide weight) {
        return used * Scaled(weight, -exponent);
      };
      columns_.positive_weight[i] =
          scaled(WideProduct({plan_.terms.positive(k), y, target_scale_}));
      columns_.negative_weight[i] =
          scaled(WideProduct({plan_.terms.negative(k), 1 - y, target_scale_}));
      columns_.whole_weight[i] =
          scaled(plan_.terms.whole(k, columns_.true_targets[i]) * target_scale_);
    });
  }

  void WeighUsed(int64_t size) {
    for (int64_t i = 0; i < size; ++i) {
      columns_.positive_weight[i] = columns_.used[i] * columns_.targets[i];
      columns_.negative_weight[i] = columns_.used[i] * (1 - columns_.targets[i]);
      columns_.whole_weight[i] = columns_.used[i];
    }
    ScaleWeights(size);
  }

  void WeighEqually(int64_t size) {
    for (int64_t i = 0; i < size; ++i) {
      columns_.positive_weight[i] = columns_.targets[i];
      columns_.negative_weight[i] = 1 - columns_.targets[i];
      columns_.whole_weight[i] = 1;
    }
    ScaleWeights(size);
  }

  void ScaleWeights(int64_t size) {
    if (target_scale_ == 1) return;
    const auto scale = static_cast<double>(target_scale_);
    for (double* const column :
         {columns_.positive_weight, columns_.negative_weight, columns_.whole_weight}) {
      for (int64_t i = 0; i < size; ++i) column[i] *= scale;
    }
  }

  T* MatrixAt(Output output, int64_t begin) const {
    return window_.ElementAt(window_.outputs[output], begin);
  }

  void Write(int64_t begin, int64_t size) {
    WriteScaled(columns_.losses, columns_.loss_scale, size,
                window_.SampleAt(Output::kLosses, begin));
    WriteScaled(columns_.gradient, columns_.gradient_scale, size,
                MatrixAt(Output::kGradient, begin));
    if (T* const out = MatrixAt(Output::kHessianDiagonal, begin)) WriteHessian(size, out);
    if (T* const out = MatrixAt(Output::kProbabilities, begin)) {
      std::transform(columns_.probabilities, columns_.probabilities + size, out,
                     [](double p) { return static_cast<T>(p); });
    }
  }

  // Writes values_i · scales_i, and 0 where the scale is 0; `out` may be null.
  void WriteScaled(const double* values, const double* scales, int64_t size, T* out) const {
    if (out == nullptr || size == 0) return;
    const double first = scales[0];
    if (plan_.scales.alike() && first != 0) {
      for (int64_t i = 0; i < size; ++i) out[i] = static_cast<T>(values[i] * first);
      return;
    }
    for (int64_t i = 0; i < size; ++i) {
      const double scaled = values[i] * scales[i];
      out[i] = static_cast<T>(scales[i] == 0 || values[i] == 0 ? 0 : scaled);
    }
  }

  void WriteHessian(int64_t size, T* out) {
    double* const hessian = columns_.hessian;
    const bool positive = plan_.curvature == kernels::Curvature::kPositive;
    for (int64_t i = 0; positive && i < size; ++i) hessian[i] = std::abs(hessian[i]);
    WriteScaled(hessian, columns_.hessian_scale, size, out);
    for (int64_t i = 0; positive && i < size; ++i) out[i] = std::max(out[i], T(kHessianFloor));
  }

  void Record(int64_t begin, int64_t size, Kernel kernel) {
    for (int64_t i = 0; i < size; ++i) {
      const auto sample = static_cast<size_t>(begin + i);
      const double s = columns_.loss_scale[i];
      const double t = columns_.true_targets[i];
      window_.records.true_probability[sample] =
          t * columns_.probabilities[i] + (1 - t) * columns_.one_minus_probabilities[i];
      window_.records.gradient_l1[sample] = s == 0 ? 0 : s * std::abs(columns_.gradient[i]);
    }
    if (!plan_.options.vanishing) return;
    if (!plan_.terms.empty() || (plan_.scales.wide() && target_scale_ != 1)) {
      WeighEqually(size);
      Evaluate(size, kernel);
    }
    for (int64_t i = 0; i < size; ++i) {
      const auto sample = static_cast<size_t>(begin + i);
      const double p = window_.records.true_probability[sample];
      const double g = plan_.transform.DerivativeOf(columns_.gradient[i]);
      window_.records.vanishing[sample] = Vanishes(p, g) ? 1 : 0;
    }
  }

  const BatchPlan& plan_;
  const RowWindow<T>& window_;
  const Wide target_scale_;
  Columns columns_;
  kernels::DenseElements elements_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_DENSE_ELEMENT_BLOCK_H_
