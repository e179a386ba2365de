// Temperatures and softcaps of any size.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/loss/extreme_numbers.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Problem;

class ExtremeTemperatureTest : public ::testing::TestWithParam<double> {};
INSTANTIATE_TEST_SUITE_P(Temperatures, ExtremeTemperatureTest,
                         ::testing::Values(kSmallest, 1e-310, 1e-200, 1e200, 1e308));

// softmax(z / T) and its cross entropy in long double, which has room for every z / T.
struct Scaled3 {
  long double loss;
  std::vector<long double> gradient;
  std::vector<long double> hessian_diagonal;
};

Scaled3 CrossEntropyOf(const std::vector<double>& logits, size_t label, double temperature) {
  long double largest = -kInfinity;
  for (const double z : logits)
    largest = std::max(largest, z / static_cast<long double>(temperature));
  long double sum = 0;
  std::vector<long double> x;
  for (const double z : logits) {
    x.push_back(z / static_cast<long double>(temperature) - largest);
    sum += std::exp(x.back());
  }
  Scaled3 result = {std::log(sum) - x[label], {}, {}};
  for (size_t k = 0; k < logits.size(); ++k) {
    const long double p = std::exp(x[k]) / sum;
    result.gradient.push_back((p - (k == label ? 1 : 0)) / temperature);
    const long double others = (sum - std::exp(x[k])) / sum;
    result.hessian_diagonal.push_back(p * others / temperature / temperature);
  }
  return result;
}

TEST_P(ExtremeTemperatureTest, IsThatOfItsLimit) {
  const double temperature = GetParam();
  for (const std::vector<double>& logits :
       {std::vector<double>{3, 1, 3}, {-1, -2, -3}, {0.5, 4, 1}, {1e-9, 2e-9, -1e-9}}) {
    Problem problem;
    problem.logits = {{logits[0], logits[1], logits[2]}};
    problem.class_ids = {0};
    LossSpec spec = SpecOf(problem);
    spec.temperature = temperature;
    for (const double gradient_scale : {1.0, temperature}) {
      ComputeOptions options = OptionsOf(problem);
      options.gradient_scale = gradient_scale;
      const ProblemBatch<double> arrays(problem);
      const auto actual = ComputeBatch<double>(arrays.batch(), spec, options, Executor(1));
      const Scaled3 expected = CrossEntropyOf(logits, 0, temperature);
      ExpectNear<double>(actual.losses[0], expected.loss, std::abs(expected.loss), "loss");
      EXPECT_EQ(actual.result.non_finite_count,
                std::isfinite(static_cast<double>(expected.loss)) ? 0 : 1);
      std::vector<long double> gradient;
      for (const long double g : expected.gradient) gradient.push_back(g * gradient_scale);
      ExpectAllNear<double>(actual.gradient, gradient, "gradient");
      ExpectAllNear<double>(actual.hessian_diagonal, expected.hessian_diagonal, "hessian");
    }
  }
}

// The weight brings back into double's range what the temperature's square takes out of it.
TEST(HighTemperatureTest, LeavesTheHessianOfAHugeWeight) {
  constexpr double kHot = 1.7e308;
  Problem problem;
  problem.logits = {{1, 0, -1}};
  problem.class_ids = {0};
  problem.sample_weights = {kLargest};
  LossSpec spec = SpecOf(problem);
  spec.temperature = kHot;
  const ProblemBatch<double> arrays(problem);
  const auto actual = ComputeBatch<double>(arrays.batch(), spec, OptionsOf(problem), Executor(1));
  std::vector<long double> hessian;
  for (const long double h : CrossEntropyOf({1, 0, -1}, 0, kHot).hessian_diagonal) {
    hessian.push_back(h * kLargest);
  }
  EXPECT_GT(hessian[0], 0);
  ExpectAllNear<double>(actual.hessian_diagonal, hessian, "hessian");
}

TEST(ExtremeSoftcapTest, KeepsSmallLogits) {
  Problem problem;
  problem.logits = {{0.25, 1e-9, -3}};
  problem.class_ids = {0};
  LossSpec spec = SpecOf(problem);
  const ProblemBatch<double> arrays(problem);
  const auto plain = ComputeBatch<double>(arrays.batch(), spec, {}, Executor(1));
  spec.softcap = kLargest;
  const auto capped = ComputeBatch<double>(arrays.batch(), spec, {}, Executor(1));
  EXPECT_DOUBLE_EQ(capped.losses[0], plain.losses[0]);
  spec.softcap = kSmallest;
  const auto flat = ComputeBatch<double>(arrays.batch(), spec, {}, Executor(1));
  EXPECT_DOUBLE_EQ(flat.losses[0], std::log(3.0));
}

}  // namespace
}  // namespace lossd::loss
