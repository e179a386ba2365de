#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/class_weights.h"
#include "tests/oracle/close.h"
#include "tests/oracle/evaluate.h"
#include "tests/oracle/information.h"
#include "tests/oracle/problem.h"
#include "tests/oracle/term.h"

namespace lossd::oracle {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;

TEST(OracleTest, ProbabilitiesKeepTheirRelativeAccuracyNearZeroAndOne) {
  const Softmax softmax = SoftmaxOf({0, -2000, 3});
  const Real e = std::exp(-3.0L);
  ExpectClose(softmax.probabilities[2].complement, e / (1 + e), "1 - p_2");
  ExpectClose(softmax.probabilities[1].log, -2003 - std::log1p(e), "log p_1");
  EXPECT_GT(softmax.probabilities[1].value, 0);
  ExpectClose(SigmoidOf(-700).value, std::exp(-700.0L), "sigma(-700)");
  ExpectClose(SigmoidOf(700).complement, std::exp(-700.0L), "1 - sigma(700)");
}

TEST(OracleTest, ReducesAsPyTorchDoes) {
  Problem problem;
  problem.logits = {{2, 1, 0}, {0, 1, 2}, {5, 5, 5}};
  problem.class_ids = {{0, 0, 7}};
  problem.ignore_index = 7;
  problem.weights = {0.5, 1, 1};
  problem.sample_weights = {1, 3, 100};
  problem.reduction = Reduction::kMean;
  const Answer answer = Evaluate(problem);
  // Cross entropies 0.40760596444438 and 2.40760596444438, times 1 * 0.5 and 3 * 0.5.
  EXPECT_NEAR(answer.loss_sum, 0.5 * 0.40760596444438 + 1.5 * 2.40760596444438, 1e-13);
  EXPECT_DOUBLE_EQ(answer.weight_sum, 2.0);
  EXPECT_DOUBLE_EQ(answer.loss, answer.loss_sum / 2);
  EXPECT_EQ(answer.valid_count, 2);
  EXPECT_EQ(answer.losses[2], 0);
  EXPECT_THAT(answer.class_statistics.count, ElementsAre(2, 0, 0));
  EXPECT_THAT(answer.class_statistics.correct_count, ElementsAre(1, 0, 0));
  EXPECT_THAT(answer.class_statistics.predicted_count, ElementsAre(1, 0, 1));
}

TEST(OracleTest, WeighsClassesByHand) {
  const std::vector<double> counts = {3, 1, 0};
  Scheme scheme;
  EXPECT_THAT(SchemeClassWeights(counts, scheme), ElementsAre(DoubleEq(4.0 / 6), DoubleEq(2), 0));
  scheme.name = SchemeName::kMedianFrequency;
  EXPECT_THAT(SchemeClassWeights(counts, scheme), ElementsAre(DoubleEq(2.0 / 3), DoubleEq(2), 0));
  scheme.name = SchemeName::kEffectiveNumber;
  scheme.beta = 0.5;  // 0.5 / 0.875 and 0.5 / 0.5, then divided by their mean
  EXPECT_THAT(SchemeClassWeights(counts, scheme),
              ElementsAre(DoubleEq(8.0 / 11), DoubleEq(14.0 / 11), 0));
}

TEST(OracleTest, MeasuresAFairCoin) {
  const Measures measures = Measure({1, 1}, {1, 3});
  EXPECT_DOUBLE_EQ(measures.entropy, std::log(2.0));
  EXPECT_DOUBLE_EQ(measures.kl_divergence, std::log(2.0) - std::log(3.0) / 2);
  EXPECT_DOUBLE_EQ(measures.cross_entropy, measures.entropy + measures.kl_divergence);
  EXPECT_EQ(Measure({1, 1}, {1, 0}).kl_divergence, std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace lossd::oracle
