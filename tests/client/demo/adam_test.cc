#include "client/demo/adam.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

TEST(AdamTest, FirstStepIsTheLearningRateAgainstTheGradientsSign) {
  // m̂ = g and v̂ = g², so the step is η g / (|g| + ε).
  std::vector<float> parameters = {1.0f, 1.0f, 1.0f};
  Adam adam(3, 0.25);
  adam.Step({4.0f, -0.5f, 0.0f}, absl::MakeSpan(parameters));
  EXPECT_NEAR(parameters[0], 0.75f, 1e-6f);
  EXPECT_NEAR(parameters[1], 1.25f, 1e-6f);
  EXPECT_EQ(parameters[2], 1.0f);
}

TEST(AdamTest, FollowsTheAlgorithm) {
  // Algorithm 1 of the paper in double, with powers instead of running products.
  const std::vector<double> gradients = {1.0, -2.0, 0.5, 0.0, 3.0};
  double m = 0.0;
  double v = 0.0;
  double expected = 0.0;
  std::vector<float> parameter = {0.0f};
  Adam adam(1, 0.1);
  for (size_t t = 1; t <= gradients.size(); ++t) {
    const double g = gradients[t - 1];
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const auto power = static_cast<double>(t);
    expected -= 0.1 * (m / (1.0 - std::pow(0.9, power))) /
                (std::sqrt(v / (1.0 - std::pow(0.999, power))) + 1e-8);
    adam.Step({static_cast<float>(g)}, absl::MakeSpan(parameter));
    // 0.999f is off by 1e-8, which 1 − 0.999 makes 1e-5 of a step of at most 0.1.
    EXPECT_NEAR(parameter[0], expected, 5e-6) << "step " << t;
  }
}

}  // namespace
}  // namespace lossd::demo
