#ifndef LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_SCALES_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_SCALES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "server/kernels/dispatch.h"
#include "server/loss/batch.h"
#include "server/loss/wide.h"

namespace lossd::loss {

// The factors of one sample, beside its class's weight. s is the sample weight after mining, u the
// upstream gradient, d the derivative scale and g the gradient scale.
struct SampleScale {
  double loss = 0;      // s
  double gradient = 0;  // s · u · d · g
  double hessian = 0;   // s · u · d
};

// What all samples of a batch are scaled by.
struct BatchScale {
  // d is 1 / the reduction's divisor, or 0 when that is 0, times what the derivatives by the
  // request's logits have in common.
  Wide gradient = 1;
  Wide hessian = 1;
  double gradient_scale = 1;  // g
  // Where d, g, u, a class weight or the sum of the weights is so large or small that a product may
  // leave double's range before its last factor. The class weight is then a factor of a sample's.
  bool wide = false;
  int exponent = 0;  // s is 2^exponent times what it is
};

// The factors of every sample of a batch.
class SampleScales {
 public:
  // `mined_weights` multiply the batch's sample weights unless they are empty.
  SampleScales(const Batch& batch, absl::Span<const double> mined_weights, const BatchScale& scale)
      : sample_weights_(batch.sample_weights),
        mined_weights_{mined_weights, 1},
        upstream_gradient_(batch.upstream_gradient),
        scale_(scale),
        derivative_scale_(static_cast<double>(scale.gradient)) {}

  // Returns true when samples have upstream gradients, those of ignored samples being anything.
  bool has_upstream() const { return !upstream_gradient_.empty(); }

  // Returns true when every sample has the same factors.
  bool alike() const {
    return !wide() && sample_weights_.empty() && mined_weights_.empty() &&
           upstream_gradient_.empty();
  }

  // Returns true when WithClass has to be asked.
  bool wide() const { return scale_.wide; }
  int exponent() const { return scale_.exponent; }

  // Returns the weights of all samples where nothing else tells them apart, and one lies beside the
  // other; else none.
  absl::Span<const double> weights_alone() const {
    const bool alone = mined_weights_.empty() && !has_upstream() && sample_weights_.repeat == 1;
    return alone ? sample_weights_.values : absl::Span<const double>();
  }
  // Returns the factors of a sample of weight 1 then. Unless wide().
  SampleScale of_weight_one() const {
    return {1, derivative_scale_ * scale_.gradient_scale, derivative_scale_};
  }

  // Unless wide().
  SampleScale operator[](int64_t sample) const {
    const double s = sample_weights_[sample] * mined_weights_[sample];
    const double derivative = s * upstream_gradient_[sample] * derivative_scale_;
    return {s, derivative * scale_.gradient_scale, derivative};
  }

  // Returns the factors of a sample, the weight of its class among them.
  SampleScale WithClass(int64_t sample, Wide class_weight) const;

  // Writes the factors of the samples begin, begin + 1, ... Unless wide(). `hessian` may be null.
  template <typename T>
  void Copy(int64_t begin, int64_t size, T* loss, T* gradient, T* hessian) const {
    if (mined_weights_.empty() && !has_upstream() && !sample_weights_.empty()) {
      return CopyWeights(begin, size, loss, gradient, hessian);
    }
    for (int64_t i = 0; i < size; ++i) {
      const SampleScale scale = (*this)[begin + i];
      loss[i] = static_cast<T>(scale.loss);
      gradient[i] = static_cast<T>(scale.gradient);
      if (hessian != nullptr) hessian[i] = static_cast<T>(scale.hessian);
    }
  }

 private:
  // Does what Copy does where nothing but sample weights tells samples apart.
  template <typename T>
  void CopyWeights(int64_t begin, int64_t size, T* loss, T* gradient, T* hessian) const {
    const double d = derivative_scale_;
    const double g = scale_.gradient_scale;
    if (const int64_t repeat = sample_weights_.repeat; repeat != 1) {
      for (int64_t i = 0; i < size;) {
        const int64_t group = (begin + i) / repeat;
        const int64_t stop = std::min(size, (group + 1) * repeat - begin);
        const double s = sample_weights_.values[static_cast<size_t>(group)];
        std::fill(loss + i, loss + stop, static_cast<T>(s));
        std::fill(gradient + i, gradient + stop, static_cast<T>(s * d * g));
        if (hessian != nullptr) std::fill(hessian + i, hessian + stop, static_cast<T>(s * d));
        i = stop;
      }
      return;
    }
    const double* const s = sample_weights_.values.data() + begin;
    ScaleWeights(s, size, 1, 1, loss);
    ScaleWeights(s, size, d, g, gradient);
    if (hessian != nullptr) ScaleWeights(s, size, d, 1, hessian);
  }

  static void ScaleWeights(const double* weights, int64_t size, double first, double second,
                           float* scaled) {
    kernels::CurrentSums().scale_f32(weights, size, first, second, scaled);
  }
  static void ScaleWeights(const double* weights, int64_t size, double first, double second,
                           double* scaled) {
    kernels::CurrentSums().scale_f64(weights, size, first, second, scaled);
  }

  PerSample sample_weights_;
  PerSample mined_weights_;
  PerSample upstream_gradient_;
  BatchScale scale_;
  double derivative_scale_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_SCALES_H_
