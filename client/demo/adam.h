#ifndef LOSSD_CLIENT_DEMO_ADAM_H_
#define LOSSD_CLIENT_DEMO_ADAM_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"

namespace lossd::demo {

// The Adam optimiser (Kingma and Ba 2015, algorithm 1) with β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
class Adam {
 public:
  Adam(size_t parameter_count, double learning_rate);

  // Makes one step against `gradient`, of the parameters' size.
  void Step(absl::Span<const float> gradient, absl::Span<float> parameters);

 private:
  double learning_rate_;
  // β₁ᵗ and β₂ᵗ, multiplied up: std::pow may differ in its last bit from one machine to the next.
  double first_decay_ = 1.0;
  double second_decay_ = 1.0;
  std::vector<float> first_moment_;
  std::vector<float> second_moment_;
};

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_ADAM_H_
