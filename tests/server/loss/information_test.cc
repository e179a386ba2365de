#include "server/loss/information.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/information.h"

namespace lossd::loss {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

InformationOptions In(InformationBase base) {
  InformationOptions options;
  options.base = base;
  return options;
}

using Values = std::vector<double>;

TEST(InformationTest, AFairCoinIsOneBit) {
  const Information coin = MeasureInformation(Values{1, 1}, {}, 2, In(InformationBase::kBit));
  EXPECT_THAT(coin.entropy, ElementsAre(1));
  EXPECT_THAT(coin.self_information, IsEmpty());
  EXPECT_THAT(coin.cross_entropy, IsEmpty());
  EXPECT_THAT(coin.kl_divergence, IsEmpty());
  EXPECT_THAT(coin.jensen_shannon, IsEmpty());
}

TEST(InformationTest, BasesAreNatsBitsAndHartleys) {
  const Values p = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
  EXPECT_NEAR(MeasureInformation(p, {}, 10, In(InformationBase::kHartley)).entropy[0], 1, 1e-15);
  EXPECT_NEAR(MeasureInformation(p, {}, 10, In(InformationBase::kNat)).entropy[0],
              2.3025850929940457, 1e-15);
  EXPECT_NEAR(MeasureInformation(p, {}, 10, In(InformationBase::kBit)).entropy[0],
              3.3219280948873623, 1e-15);
}

TEST(InformationTest, ABiasedCoin) {
  // H(1/4) = 2 - (3/4) log2 3, and against a fair one 1 bit and the rest.
  const Information coin =
      MeasureInformation(Values{0.25, 0.75}, Values{0.5, 0.5}, 2, In(InformationBase::kBit));
  EXPECT_NEAR(coin.entropy[0], 0.81127812445913283, 1e-15);
  EXPECT_NEAR(coin.cross_entropy[0], 1, 1e-15);
  EXPECT_NEAR(coin.kl_divergence[0], 0.18872187554086717, 1e-15);
  EXPECT_NEAR(coin.jensen_shannon[0], 0.048794940695398533, 1e-15);
}

TEST(InformationTest, SelfInformationIsElementwise) {
  InformationOptions options = In(InformationBase::kBit);
  options.self_information = true;
  const Information dice = MeasureInformation(Values{1, 1, 2, 4, 0, 8}, {}, 3, options);
  EXPECT_THAT(dice.self_information,
              ElementsAre(DoubleNear(2, 1e-15), DoubleNear(2, 1e-15), DoubleNear(1, 1e-15),
                          DoubleNear(1.5849625007211562, 1e-15), kInfinity,
                          DoubleNear(0.58496250072115618, 1e-15)));
  EXPECT_THAT(dice.entropy,
              ElementsAre(DoubleNear(1.5, 1e-15), DoubleNear(0.91829583405448951, 1e-15)));
}

TEST(InformationTest, ZeroProbabilitiesCostNothing) {
  const Information certain =
      MeasureInformation(Values{0, 1, 0}, Values{0, 0.5, 0.5}, 3, In(InformationBase::kBit));
  EXPECT_EQ(certain.entropy[0], 0);
  EXPECT_FALSE(std::signbit(certain.entropy[0]));
  EXPECT_EQ(certain.cross_entropy[0], 1);
  EXPECT_EQ(certain.kl_divergence[0], 1);
}

TEST(InformationTest, WhatQRulesOutIsInfinitelySurprising) {
  const Information ruled_out =
      MeasureInformation(Values{1, 1}, Values{1, 0}, 2, In(InformationBase::kBit));
  EXPECT_EQ(ruled_out.entropy[0], 1);
  EXPECT_EQ(ruled_out.cross_entropy[0], kInfinity);
  EXPECT_EQ(ruled_out.kl_divergence[0], kInfinity);
  // Jensen-Shannon stays finite: 3/2 - (3/4) log2 3 and disjoint distributions are 1 bit apart.
  EXPECT_NEAR(ruled_out.jensen_shannon[0], 0.31127812445913283, 1e-15);
  EXPECT_NEAR(MeasureInformation(Values{1, 0}, Values{0, 1}, 2, In(InformationBase::kBit))
                  .jensen_shannon[0],
              1, 1e-15);
}

TEST(InformationTest, ADistributionIsNoDistanceFromItself) {
  const Values p = {0.1, 0.2, 0.7, 3, 1, 9};
  const Information same = MeasureInformation(p, p, 3, In(InformationBase::kNat));
  for (const double kl : same.kl_divergence) EXPECT_NEAR(kl, 0, 1e-15);
  for (const double js : same.jensen_shannon) {
    EXPECT_NEAR(js, 0, 1e-15);
    EXPECT_GE(js, 0);
  }
}

std::vector<double> Row(const Values& values, size_t row, size_t outcomes) {
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * outcomes);
  return {begin, begin + static_cast<std::ptrdiff_t>(outcomes)};
}

void ExpectAgreesWithTheOracle(const Values& p, const Values& q, size_t outcomes,
                               const Information& actual) {
  const size_t rows = p.size() / outcomes;
  ASSERT_EQ(actual.entropy.size(), rows);
  ASSERT_EQ(actual.kl_divergence.size(), rows);
  for (size_t i = 0; i < rows; ++i) {
    const oracle::Measures expected = oracle::Measure(Row(p, i, outcomes), Row(q, i, outcomes));
    const double scale = 1e-14 * (1 + expected.cross_entropy);
    EXPECT_NEAR(actual.entropy[i], expected.entropy, scale);
    EXPECT_NEAR(actual.cross_entropy[i], expected.cross_entropy, scale);
    EXPECT_NEAR(actual.kl_divergence[i], expected.kl_divergence, scale);
    EXPECT_NEAR(actual.jensen_shannon[i], expected.jensen_shannon, scale);
    EXPECT_NEAR(actual.kl_divergence[i], actual.cross_entropy[i] - actual.entropy[i],
                1e-12 * (1 + expected.cross_entropy));
  }
}

TEST(InformationTest, KlDivergenceIsCrossEntropyMinusEntropy) {
  std::mt19937_64 random(1);
  std::exponential_distribution<double> weight(1);
  for (const size_t outcomes : std::vector<size_t>{1, 2, 3, 17, 1000}) {
    Values p(5 * outcomes);
    Values q(5 * outcomes);
    for (double& w : p) w = weight(random);
    for (double& w : q) w = weight(random);
    // Row 4 of q is close to p's.
    for (size_t k = 4 * outcomes; k < 5 * outcomes; ++k) q[k] = p[k] * (1 + 1e-3 * q[k]);
    ExpectAgreesWithTheOracle(
        p, q, outcomes,
        MeasureInformation(p, q, static_cast<int64_t>(outcomes), In(InformationBase::kNat)));
  }
}

TEST(InformationTest, LogitsGoThroughASoftmax) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal(0, 5);
  constexpr size_t kOutcomes = 9;
  Values p(6 * kOutcomes);
  Values q(6 * kOutcomes);
  for (double& z : p) z = normal(random);
  for (double& z : q) z = normal(random);
  Values p_weights;
  Values q_weights;
  for (const double z : p) p_weights.push_back(std::exp(z));
  for (const double z : q) q_weights.push_back(std::exp(z));
  // An offset of 1000 would overflow what is not shifted first.
  for (double& z : p) z += 1000;
  for (double& z : q) z -= 1000;
  InformationOptions options = In(InformationBase::kNat);
  options.source = DistributionSource::kLogits;
  // The offset costs half a unit in the last place of 1000, 1e-13, in every logit.
  const Information actual = MeasureInformation(p, q, kOutcomes, options);
  for (size_t i = 0; i < 6; ++i) {
    const oracle::Measures expected =
        oracle::Measure(Row(p_weights, i, kOutcomes), Row(q_weights, i, kOutcomes));
    EXPECT_NEAR(actual.entropy[i], expected.entropy, 1e-12);
    EXPECT_NEAR(actual.cross_entropy[i], expected.cross_entropy, 2e-12);
    EXPECT_NEAR(actual.kl_divergence[i], expected.kl_divergence, 2e-12);
    EXPECT_NEAR(actual.jensen_shannon[i], expected.jensen_shannon, 1e-12);
  }
}

// A weight of exp(-800) is 0, and its surprise infinite; the logit -800 has 800 nats.
TEST(InformationTest, LogitsKeepWhatWeightsUnderflow) {
  InformationOptions options = In(InformationBase::kNat);
  options.source = DistributionSource::kLogits;
  options.self_information = true;
  const Information actual = MeasureInformation(Values{0, -800}, Values{-800, 0}, 2, options);
  EXPECT_NEAR(actual.self_information[1], 800, 1e-12);
  EXPECT_NEAR(actual.cross_entropy[0], 800, 1e-12);
  EXPECT_NEAR(actual.kl_divergence[0], 800, 1e-12);
  const Information ruled_out =
      MeasureInformation(Values{0, -kInfinity}, Values{0, -kInfinity}, 2, options);
  EXPECT_EQ(ruled_out.entropy[0], 0);
  EXPECT_EQ(ruled_out.kl_divergence[0], 0);
  EXPECT_EQ(ruled_out.self_information[1], kInfinity);
}

TEST(InformationTest, HugeWeightsAreDividedByTheirSum) {
  const Information coin = MeasureInformation(Values{1e308, 1e308}, Values{1e-308, 1e-308}, 2,
                                              In(InformationBase::kBit));
  EXPECT_EQ(coin.entropy[0], 1);
  EXPECT_EQ(coin.cross_entropy[0], 1);
  EXPECT_EQ(coin.kl_divergence[0], 0);
}

TEST(InformationTest, NoRowsGiveNoMeasures) {
  const Information none = MeasureInformation({}, {}, 3, In(InformationBase::kNat));
  EXPECT_THAT(none.entropy, IsEmpty());
}

}  // namespace
}  // namespace lossd::loss
