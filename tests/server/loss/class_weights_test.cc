#include "server/loss/class_weights.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/class_weights.h"

namespace lossd::loss {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pointwise;

// N = 100 over three classes with samples, and one without.
const std::vector<double> kCounts = {4, 16, 0, 80};

SchemeWeights Scheme(WeightScheme scheme, Normalization normalization = Normalization::kOwn) {
  SchemeWeights weights;
  weights.scheme = scheme;
  weights.normalization = normalization;
  return weights;
}

MATCHER(IsNear, "is within 2e-15 of itself") {
  const auto [actual, expected] = arg;
  return std::abs(actual - expected) <= 2e-15 * std::abs(expected);
}

auto Are(const std::vector<double>& expected) { return Pointwise(IsNear(), expected); }

TEST(ClassWeightsTest, Balanced) {
  // 100 / (3 * n)
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(WeightScheme::kBalanced)),
              Are({8.3333333333333333, 2.0833333333333333, 0, 0.41666666666666667}));
}

TEST(ClassWeightsTest, BalancedIsScikitLearnsOverPresentClasses) {
  // compute_class_weight("balanced", classes=[0, 1, 2], y=[0] * 6 + [1] * 3 + [2])
  EXPECT_THAT(ComputeClassWeights(std::vector<double>{6, 3, 1}, Scheme(WeightScheme::kBalanced)),
              Are({0.55555555555555556, 1.1111111111111111, 3.3333333333333333}));
  // and so the weighted count is the count.
  const std::vector<double> weights = ComputeClassWeights(kCounts, Scheme(WeightScheme::kBalanced));
  EXPECT_NEAR(weights[0] * 4 + weights[1] * 16 + weights[3] * 80, 100, 1e-13);
}

TEST(ClassWeightsTest, InverseFrequency) {
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(WeightScheme::kInverseFrequency)),
              Are({25, 6.25, 0, 1.25}));
}

TEST(ClassWeightsTest, InverseSquareRoot) {
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(WeightScheme::kInverseSquareRoot)),
              Are({5, 2.5, 0, 1.1180339887498949}));
}

TEST(ClassWeightsTest, EffectiveNumber) {
  SchemeWeights scheme = Scheme(WeightScheme::kEffectiveNumber, Normalization::kNone);
  scheme.beta = 0.5;
  // 0.5 / (1 - 0.5ⁿ)
  EXPECT_THAT(ComputeClassWeights(std::vector<double>{1, 2, 0, 3}, scheme),
              Are({1, 0.66666666666666667, 0, 0.57142857142857143}));
  // Its own normalization makes the mean over the classes with samples 1: 3 / (1 + 2/3 + 4/7).
  scheme.normalization = Normalization::kOwn;
  EXPECT_THAT(ComputeClassWeights(std::vector<double>{1, 2, 0, 3}, scheme),
              Are({1.3404255319148936, 0.89361702127659574, 0, 0.76595744680851064}));
  EXPECT_EQ(ResolveNormalization(scheme), Normalization::kMeanOne);
}

TEST(ClassWeightsTest, EffectiveNumberAtTheEndsOfBeta) {
  SchemeWeights scheme = Scheme(WeightScheme::kEffectiveNumber, Normalization::kNone);
  scheme.beta = 0;
  EXPECT_THAT(ComputeClassWeights(kCounts, scheme), Are({1, 1, 0, 1}));
  // 1 - βⁿ → n (1 - β), of which 1 - pow(β, n) has lost half the digits.
  scheme.beta = 1 - std::ldexp(1.0, -52);
  const std::vector<double> weights = ComputeClassWeights(kCounts, scheme);
  EXPECT_THAT(weights, ElementsAre(DoubleNear(0.25, 1e-14), DoubleNear(0.0625, 1e-14), 0,
                                   DoubleNear(0.0125, 1e-14)));
  scheme.beta = 0.9999;
  EXPECT_THAT(ComputeClassWeights(std::vector<double>{1e300, 1}, scheme),
              ElementsAre(1 - 0.9999, DoubleNear(1, 1e-15)));
}

TEST(ClassWeightsTest, MedianFrequency) {
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(WeightScheme::kMedianFrequency)),
              Are({4, 1, 0, 0.2}));
  // An even number of classes: the mean of the middle two, 5.
  EXPECT_THAT(
      ComputeClassWeights(std::vector<double>{8, 2, 6, 4}, Scheme(WeightScheme::kMedianFrequency)),
      Are({0.625, 2.5, 0.83333333333333333, 1.25}));
}

TEST(ClassWeightsTest, LogFrequency) {
  // 1 / ln(1.06), 1 / ln(1.18), 1 / ln(1.82)
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(WeightScheme::kLogFrequency)),
              Are({17.161811199076364, 6.0417689791787970, 0, 1.6699048875310170}));
}

TEST(ClassWeightsTest, EveryNormalization) {
  const WeightScheme scheme = WeightScheme::kInverseFrequency;  // 25, 6.25, 0, 1.25
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(scheme, Normalization::kNone)),
              Are({25, 6.25, 0, 1.25}));
  // times 3 / 32.5
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(scheme, Normalization::kMeanOne)),
              Are({2.3076923076923077, 0.57692307692307692, 0, 0.11538461538461538}));
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(scheme, Normalization::kSumOne)),
              Are({0.76923076923076923, 0.19230769230769231, 0, 0.038461538461538462}));
  // Σ w n = 300, so times 100 / 300
  EXPECT_THAT(ComputeClassWeights(kCounts, Scheme(scheme, Normalization::kExpectedOne)),
              Are({8.3333333333333333, 2.0833333333333333, 0, 0.41666666666666667}));
}

TEST(ClassWeightsTest, OnlyEffectiveNumberHasANormalizationOfItsOwn) {
  for (const WeightScheme scheme :
       {WeightScheme::kBalanced, WeightScheme::kInverseFrequency, WeightScheme::kInverseSquareRoot,
        WeightScheme::kMedianFrequency, WeightScheme::kLogFrequency}) {
    EXPECT_EQ(ResolveNormalization(Scheme(scheme)), Normalization::kNone);
  }
  EXPECT_EQ(ResolveNormalization(Scheme(WeightScheme::kEffectiveNumber)), Normalization::kMeanOne);
  EXPECT_EQ(
      ResolveNormalization(Scheme(WeightScheme::kEffectiveNumber, Normalization::kExpectedOne)),
      Normalization::kExpectedOne);
}

TEST(ClassWeightsTest, EverySchemeWithEveryNormalizationAgreesWithTheOracle) {
  const std::vector<std::vector<double>> all_counts = {{1},
                                                       {0, 5},
                                                       {3, 3},
                                                       kCounts,
                                                       {0.25, 7.5, 0, 1e-3},
                                                       {1, 1e9, 1e15},
                                                       {45586, 50, 171, 8903, 3267, 10, 13}};
  for (int scheme = 0; scheme < 6; ++scheme) {
    for (int normalization = 0; normalization < 5; ++normalization) {
      for (const double beta : {0.0, 0.9, 0.9999}) {
        SchemeWeights weights =
            Scheme(static_cast<WeightScheme>(scheme), static_cast<Normalization>(normalization));
        weights.beta = beta;
        const oracle::Scheme reference = {static_cast<oracle::SchemeName>(scheme), beta,
                                          static_cast<oracle::SchemeNormalization>(normalization)};
        for (const std::vector<double>& counts : all_counts) {
          const std::vector<double> actual = ComputeClassWeights(counts, weights);
          const std::vector<double> expected = oracle::SchemeClassWeights(counts, reference);
          ASSERT_EQ(actual.size(), expected.size());
          for (size_t k = 0; k < counts.size(); ++k) {
            // The rounding of 1.02 + n / N, 1.1e-16, is 5.6e-15 of the logarithm of 1.02; and the
            // normalizations add a weight's rounding once more.
            EXPECT_NEAR(actual[k], expected[k], 1.2e-14 * expected[k])
                << scheme << " " << normalization << " " << beta << " [" << k << "]";
          }
        }
      }
    }
  }
}

TEST(ClassWeightsTest, NoSamplesAtAllGiveZeros) {
  for (int scheme = 0; scheme < 6; ++scheme) {
    for (int normalization = 0; normalization < 5; ++normalization) {
      EXPECT_THAT(ComputeClassWeights(std::vector<double>{0, 0, 0},
                                      Scheme(static_cast<WeightScheme>(scheme),
                                             static_cast<Normalization>(normalization))),
                  Each(0.0));
    }
  }
}

// Normal, but far apart: sums and quotients must not leave the doubles.
TEST(ClassWeightsTest, NothingIsInfiniteOrNotANumber) {
  for (int scheme = 0; scheme < 6; ++scheme) {
    for (int normalization = 0; normalization < 5; ++normalization) {
      for (const double w :
           ComputeClassWeights(std::vector<double>{1e15, 1e-15, 0, 1},
                               Scheme(static_cast<WeightScheme>(scheme),
                                      static_cast<Normalization>(normalization)))) {
        EXPECT_TRUE(std::isfinite(w)) << scheme << " " << normalization;
      }
    }
  }
}

TEST(ClassWeightsTest, CountsInsideTheSchemeAreNotRead) {
  SchemeWeights scheme = Scheme(WeightScheme::kInverseFrequency);
  scheme.counts = {1, 1, 1, 1};
  EXPECT_THAT(ComputeClassWeights(kCounts, scheme), Are({25, 6.25, 0, 1.25}));
}

TEST(ClassWeightsTest, EmptyClassesAreListedInOrder) {
  EXPECT_THAT(EmptyClasses(std::vector<double>{0, 1, 0, 0.5, 0}), ElementsAre(0, 2, 4));
  EXPECT_THAT(EmptyClasses(kCounts), ElementsAre(2));
  EXPECT_THAT(EmptyClasses({}), IsEmpty());
}

TEST(ClassWeightsTest, ImbalanceIsTheLargestOverTheSmallestClassWithSamples) {
  EXPECT_EQ(ImbalanceRatio(kCounts), 20);
  EXPECT_EQ(ImbalanceRatio(std::vector<double>{0, 3}), 1);
  EXPECT_EQ(ImbalanceRatio(std::vector<double>{0, 0}), 0);
  EXPECT_EQ(ImbalanceRatio({}), 0);
}

}  // namespace
}  // namespace lossd::loss
