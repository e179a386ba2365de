#ifndef LOSSD_CLIENT_DEMO_NETWORK_H_
#define LOSSD_CLIENT_DEMO_NETWORK_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "client/demo/random.h"

namespace lossd::demo {

// A fully connected network with one hidden layer: z = ReLU(x W₁ + b₁) W₂ + b₂.
//
// It knows nothing of losses: the caller gives Backward the gradient with respect to z. Everything
// is row-major. Sums run in a fixed order, so the same input gives the same bits.
class Network {
 public:
  struct Widths {
    size_t input;
    size_t hidden;
    size_t output;
  };

  // Draws weights uniform in ±√(6 / fan-in) (He et al. 2015), and sets biases to 0.
  Network(const Widths& widths, Random& random);

  // Computes z [rows, output] from x [rows, input]. Keeps what Backward needs.
  const std::vector<float>& Forward(absl::Span<const float> x);

  // Computes ∂loss/∂parameters, in the order of `parameters`, from ∂loss/∂z [rows, output] of the
  // last Forward, whose `x` is given again.
  const std::vector<float>& Backward(absl::Span<const float> x, absl::Span<const float> z_gradient);

  // W₁, b₁, W₂, b₂, one after the other.
  absl::Span<float> parameters() { return absl::MakeSpan(parameters_); }

 private:
  // The position of each part in the parameters and in their gradient.
  size_t FirstBias() const { return widths_.input * widths_.hidden; }
  size_t SecondWeights() const { return FirstBias() + widths_.hidden; }
  size_t SecondBias() const { return SecondWeights() + widths_.hidden * widths_.output; }

  Widths widths_;
  std::vector<float> parameters_;
  std::vector<float> gradient_;
  std::vector<float> hidden_;           // [rows, hidden], after the ReLU
  std::vector<float> hidden_gradient_;  // [rows, hidden]
  std::vector<float> z_;                // [rows, output]
};

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_NETWORK_H_
