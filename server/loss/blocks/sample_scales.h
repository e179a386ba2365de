#ifndef LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_SCALES_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_SCALES_H_

#include <cstdint>

#include "absl/types/span.h"
#include "server/loss/batch.h"

namespace lossd::loss {

// The factors of one sample, beside its class's weight. s is the sample weight after mining, u the
// upstream gradient, d the derivative scale and g the gradient scale.
struct SampleScale {
  double loss = 0;      // s
  double gradient = 0;  // s · u · d · g
  double hessian = 0;   // s · u · d
};

// The factors of every sample of a batch.
class SampleScales {
 public:
  // `derivative_scale` is 1 / the reduction's divisor, or 0 when that is 0. `mined_weights` replace
  // the batch's sample weights unless they are empty.
  SampleScales(const Batch& batch, absl::Span<const double> mined_weights, double derivative_scale,
               double gradient_scale)
      : sample_weights_(mined_weights.empty() ? batch.sample_weights : PerSample{mined_weights, 1}),
        upstream_gradient_(batch.upstream_gradient),
        derivative_scale_(derivative_scale),
        gradient_scale_(gradient_scale) {}

  // Returns true when samples have upstream gradients, those of ignored samples being anything.
  bool has_upstream() const { return !upstream_gradient_.empty(); }

  // Returns true when every sample has the same factors.
  bool alike() const { return sample_weights_.empty() && upstream_gradient_.empty(); }

  SampleScale operator[](int64_t sample) const {
    const double s = sample_weights_[sample];
    const double derivative = s * upstream_gradient_[sample] * derivative_scale_;
    return {s, derivative * gradient_scale_, derivative};
  }

 private:
  PerSample sample_weights_;
  PerSample upstream_gradient_;
  double derivative_scale_;
  double gradient_scale_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_SCALES_H_
