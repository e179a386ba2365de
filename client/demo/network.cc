#include "client/demo/network.h"

#include <algorithm>
#include <cmath>

namespace lossd::demo {
namespace {

// Computes output [rows, columns] = input [rows, weights' rows] · weights + bias. The inner loop
// runs along a row of weights, so that it vectorizes without reordering a sum.
void MultiplyAdd(absl::Span<const float> input, absl::Span<const float> weights,
                 absl::Span<const float> bias, absl::Span<float> output) {
  const size_t columns = bias.size();
  const size_t depth = weights.size() / columns;
  const size_t rows = output.size() / columns;
  for (size_t row = 0; row < rows; ++row) {
    float* const out = &output[row * columns];
    std::copy(bias.begin(), bias.end(), out);
    for (size_t k = 0; k < depth; ++k) {
      const float factor = input[row * depth + k];
      const float* const weight = &weights[k * columns];
      for (size_t j = 0; j < columns; ++j) out[j] += factor * weight[j];
    }
  }
}

// Computes the gradients of MultiplyAdd's weights and bias: inputᵀ · output_gradient and its column
// sums.
void AccumulateGradients(absl::Span<const float> input, absl::Span<const float> output_gradient,
                         absl::Span<float> weights_gradient, absl::Span<float> bias_gradient) {
  const size_t columns = bias_gradient.size();
  const size_t depth = weights_gradient.size() / columns;
  const size_t rows = output_gradient.size() / columns;
  std::fill(weights_gradient.begin(), weights_gradient.end(), 0.0f);
  std::fill(bias_gradient.begin(), bias_gradient.end(), 0.0f);
  for (size_t row = 0; row < rows; ++row) {
    const float* const upstream = &output_gradient[row * columns];
    for (size_t k = 0; k < depth; ++k) {
      const float factor = input[row * depth + k];
      float* const weight = &weights_gradient[k * columns];
      for (size_t j = 0; j < columns; ++j) weight[j] += factor * upstream[j];
    }
    for (size_t j = 0; j < columns; ++j) bias_gradient[j] += upstream[j];
  }
}

}  // namespace

Network::Network(const Widths& widths, Random& random) : widths_(widths) {
  parameters_.resize(SecondBias() + widths_.output, 0.0f);
  gradient_.resize(parameters_.size());
  const auto initialise = [&](size_t begin, size_t end, size_t fan_in) {
    const float bound = std::sqrt(6.0f / static_cast<float>(fan_in));
    for (size_t i = begin; i < end; ++i) parameters_[i] = random.Symmetric(bound);
  };
  initialise(0, FirstBias(), widths_.input);
  initialise(SecondWeights(), SecondBias(), widths_.hidden);
}

const std::vector<float>& Network::Forward(absl::Span<const float> x) {
  const absl::Span<const float> parameters = parameters_;
  const size_t rows = x.size() / widths_.input;
  hidden_.resize(rows * widths_.hidden);
  z_.resize(rows * widths_.output);
  MultiplyAdd(x, parameters.subspan(0, FirstBias()),
              parameters.subspan(FirstBias(), widths_.hidden), absl::MakeSpan(hidden_));
  for (float& activation : hidden_) activation = std::max(activation, 0.0f);
  MultiplyAdd(hidden_, parameters.subspan(SecondWeights(), widths_.hidden * widths_.output),
              parameters.subspan(SecondBias()), absl::MakeSpan(z_));
  return z_;
}

const std::vector<float>& Network::Backward(absl::Span<const float> x,
                                            absl::Span<const float> z_gradient) {
  const absl::Span<float> gradient = absl::MakeSpan(gradient_);
  AccumulateGradients(hidden_, z_gradient,
                      gradient.subspan(SecondWeights(), widths_.hidden * widths_.output),
                      gradient.subspan(SecondBias()));

  // ∂/∂hidden = ∂/∂z · W₂ᵀ, and through the ReLU where it let the activation pass.
  hidden_gradient_.resize(hidden_.size());
  const float* const weights = &parameters_[SecondWeights()];
  for (size_t i = 0; i < hidden_.size(); ++i) {
    if (hidden_[i] <= 0.0f) {
      hidden_gradient_[i] = 0.0f;
      continue;
    }
    const float* const upstream = &z_gradient[i / widths_.hidden * widths_.output];
    const float* const weight = weights + i % widths_.hidden * widths_.output;
    float sum = 0.0f;
    for (size_t j = 0; j < widths_.output; ++j) sum += upstream[j] * weight[j];
    hidden_gradient_[i] = sum;
  }
  AccumulateGradients(x, hidden_gradient_, gradient.subspan(0, FirstBias()),
                      gradient.subspan(FirstBias(), widths_.hidden));
  return gradient_;
}

}  // namespace lossd::demo
