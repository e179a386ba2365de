#include "client/demo/adam.h"

#include <cmath>

namespace lossd::demo {
namespace {

constexpr float kBeta1 = 0.9f;
constexpr float kBeta2 = 0.999f;
constexpr float kEpsilon = 1e-8f;

}  // namespace

Adam::Adam(size_t parameter_count, double learning_rate)
    : learning_rate_(learning_rate),
      first_moment_(parameter_count, 0.0f),
      second_moment_(parameter_count, 0.0f) {}

void Adam::Step(absl::Span<const float> gradient, absl::Span<float> parameters) {
  first_decay_ *= kBeta1;
  second_decay_ *= kBeta2;
  const auto rate = static_cast<float>(learning_rate_ / (1.0 - first_decay_));
  const auto correction = static_cast<float>(1.0 / (1.0 - second_decay_));
  for (size_t i = 0; i < parameters.size(); ++i) {
    const float g = gradient[i];
    first_moment_[i] = kBeta1 * first_moment_[i] + (1.0f - kBeta1) * g;
    second_moment_[i] = kBeta2 * second_moment_[i] + (1.0f - kBeta2) * g * g;
    parameters[i] -=
        rate * first_moment_[i] / (std::sqrt(second_moment_[i] * correction) + kEpsilon);
  }
}

}  // namespace lossd::demo
