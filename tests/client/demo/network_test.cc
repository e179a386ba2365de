#include "client/demo/network.h"

#include <cmath>
#include <limits>
#include <vector>

#include "client/demo/random.h"
#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

constexpr Network::Widths kWidths = {3, 5, 4};

TEST(NetworkTest, StartsWithBoundedWeightsAndNoBias) {
  Random random(1);
  Network network(kWidths, random);
  const auto parameters = network.parameters();
  ASSERT_EQ(parameters.size(), 3U * 5U + 5U + 5U * 4U + 4U);
  float largest = 0.0f;
  for (size_t i = 0; i < 15; ++i) largest = std::max(largest, std::abs(parameters[i]));
  EXPECT_LE(largest, std::sqrt(2.0f));  // √(6 / 3)
  EXPECT_GT(largest, 0.0f);
  for (size_t i = 15; i < 20; ++i) {
    EXPECT_EQ(parameters[i], 0.0f);
  }
}

TEST(NetworkTest, ForwardIsTheFormula) {
  Random random(1);
  Network network({2, 2, 1}, random);
  const std::vector<float> parameters = {1.0f,  -1.0f,                 // W₁, rows by input
                                         2.0f,  3.0f,   0.5f, -0.25f,  // b₁
                                         10.0f, 100.0f,                // W₂
                                         7.0f};                        // b₂
  std::copy(parameters.begin(), parameters.end(), network.parameters().begin());
  // Row 0: hidden (1 + 4 + 0.5, −1 + 6 − 0.25) = (5.5, 4.75).
  // Row 1: hidden (−3 + 0.5, 3 − 0.25) = (−2.5 → 0, 2.75).
  const std::vector<float> x = {1.0f, 2.0f, -3.0f, 0.0f};
  const std::vector<float> z = network.Forward(x);
  ASSERT_EQ(z.size(), 2U);
  EXPECT_EQ(z[0], 55.0f + 475.0f + 7.0f);
  EXPECT_EQ(z[1], 275.0f + 7.0f);
}

// Σ c z for fixed c: its gradient with respect to z is c.
double Objective(Network* network, const std::vector<float>& x, const std::vector<float>& c) {
  const std::vector<float>& z = network->Forward(x);
  double sum = 0.0;
  for (size_t i = 0; i < z.size(); ++i) {
    sum += static_cast<double>(c[i]) * static_cast<double>(z[i]);
  }
  return sum;
}

TEST(NetworkTest, BackwardAgreesWithCentralDifferences) {
  Random random(3);
  Network network(kWidths, random);
  constexpr size_t kRows = 6;
  std::vector<float> x(kRows * kWidths.input);
  std::vector<float> c(kRows * kWidths.output);
  for (float& value : x) value = random.Symmetric(1.0f);
  for (float& value : c) value = random.Symmetric(1.0f);
  network.Forward(x);
  const std::vector<float> gradient = network.Backward(x, c);
  ASSERT_EQ(gradient.size(), network.parameters().size());

  // Each of the 24 logits is off by at most about 10 roundings of values below 4; the difference of
  // two sums of them is divided by 2h. The objective is piecewise linear in one parameter, so h may
  // be large; it must stay clear of the ReLU's kinks, which this seed's data do.
  constexpr float h = 1.0f / 1024;
  const double tolerance = 24.0 * 10.0 * 4.0 * 0.5 *
                           static_cast<double>(std::numeric_limits<float>::epsilon()) /
                           static_cast<double>(h);
  for (size_t i = 0; i < gradient.size(); ++i) {
    float& parameter = network.parameters()[i];
    const float value = parameter;
    parameter = value + h;
    const double above = Objective(&network, x, c);
    parameter = value - h;
    const double below = Objective(&network, x, c);
    parameter = value;
    EXPECT_NEAR(gradient[i], (above - below) / (2.0 * static_cast<double>(h)), tolerance)
        << "parameter " << i;
  }
}

TEST(NetworkTest, BackwardOfASecondBatchForgetsTheFirst) {
  Random random(3);
  Network network(kWidths, random);
  const std::vector<float> x = {0.5f, -1.0f, 2.0f};
  const std::vector<float> c = {1.0f, 2.0f, 3.0f, 4.0f};
  network.Forward(x);
  const std::vector<float> first = network.Backward(x, c);
  const std::vector<float> other(30, 1.0f);
  network.Forward(other);
  network.Backward(other, std::vector<float>(40, 1.0f));
  network.Forward(x);
  EXPECT_EQ(network.Backward(x, c), first);
}

}  // namespace
}  // namespace lossd::demo
