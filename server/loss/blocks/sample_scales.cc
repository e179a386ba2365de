#include "server/loss/blocks/sample_scales.h"

namespace lossd::loss {

SampleScale SampleScales::WithClass(int64_t sample, Wide class_weight) const {
  const double s = sample_weights_[sample];
  const double mined = mined_weights_[sample];
  const double u = upstream_gradient_[sample];
  const double g = scale_.gradient_scale;
  return {Scaled(WideProduct({s, mined, class_weight}), scale_.exponent),
          static_cast<double>(WideProduct({s, mined, u, scale_.gradient, g, class_weight})),
          static_cast<double>(WideProduct({s, mined, u, scale_.hessian, class_weight}))};
}

}  // namespace lossd::loss
