#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/problem.h"
#include "tests/oracle/term.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"
#include "tests/server/loss/single_rows.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Form;
using oracle::Matrix;
using oracle::Problem;
using ::testing::Each;
using ::testing::Eq;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

constexpr oracle::Reduction kReductions[] = {oracle::Reduction::kNone, oracle::Reduction::kSum,
                                             oracle::Reduction::kMean,
                                             oracle::Reduction::kMeanValid};

template <typename T>
class SpecialValuesTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SpecialValuesTest, ElementTypes);

TYPED_TEST(SpecialValuesTest, AllIgnoredReducesToZero) {
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const oracle::Reduction reduction : kReductions) {
        Problem problem;
        problem.activation = activation;
        SetForm(choice, &problem);
        problem.logits = {{1, 2, kNan}, {-3, 0.5, 2}};
        problem.class_ids = {-100, -100};
        problem.ignore_index = -100;
        problem.reduction = reduction;
        SCOPED_TRACE(Describe(problem));
        const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
        EXPECT_EQ(actual.result.loss, 0);
        EXPECT_EQ(actual.result.loss_sum, 0);
        EXPECT_EQ(actual.result.weight_sum, 0);
        EXPECT_EQ(actual.result.valid_count, 0);
        EXPECT_EQ(actual.result.non_finite_count, 0);
        EXPECT_THAT(actual.losses, Each(Eq(TypeParam{0})));
        EXPECT_THAT(actual.gradient, Each(Eq(TypeParam{0})));
        EXPECT_THAT(actual.hessian_diagonal, Each(Eq(TypeParam{0})));
      }
    }
  }
}

TYPED_TEST(SpecialValuesTest, WeightsThatSumToZeroReduceToZero) {
  for (const oracle::Reduction reduction : kReductions) {
    Problem problem;
    problem.logits = {{1, 2, 3}, {-3, 0.5, 2}};
    problem.class_ids = {0, 1};
    problem.weights = {0, 0, 1};
    problem.reduction = reduction;
    const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
    EXPECT_EQ(actual.result.loss, 0);
    EXPECT_THAT(actual.gradient, Each(Eq(TypeParam{0})));
    problem.weights.clear();
    problem.sample_weights = {0, 0};
    const Computed<TypeParam> unweighted = ComputeProblem<TypeParam>(problem);
    EXPECT_EQ(unweighted.result.loss, 0);
    EXPECT_EQ(unweighted.result.valid_count, 0);
    EXPECT_THAT(unweighted.gradient, Each(Eq(TypeParam{0})));
  }
}

TYPED_TEST(SpecialValuesTest, MinusInfinityOnAZeroTargetClassIsExact) {
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (Problem problem :
         {SoftmaxRow({{2, -kInfinity, 1}}, 0), SoftmaxRow({{-kInfinity, -1, 4.5, -kInfinity}}, 1),
          SoftmaxRow({{-kInfinity, 3}}, 1), SoftRow({{2, -kInfinity, 1}}, {{0.25, 0, 0.75}}),
          SoftRow({{-kInfinity, 0.5}}, {{0, 1}})}) {
      SetForm(choice, &problem);
      ExpectAgrees<TypeParam>(problem);
      const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
      EXPECT_EQ(actual.result.non_finite_count, 0) << Describe(problem);
      for (size_t k = 0; k < problem.classes(); ++k) {
        if (problem.logits(0, k) != -kInfinity) continue;
        EXPECT_EQ(actual.gradient[k], TypeParam{0}) << Describe(problem);
        EXPECT_EQ(actual.hessian_diagonal[k], TypeParam{0}) << Describe(problem);
        EXPECT_EQ(actual.probabilities[k], TypeParam{0}) << Describe(problem);
      }
    }
  }
}

// Every class that has the largest logit but one belongs to the rest, whatever zero's sign is and
// wherever they lie: beside each other, in other chunks of a long row, or after the masked ones.
TYPED_TEST(SpecialValuesTest, TheLargestLogitMoreThanOnceIsExact) {
  const std::vector<std::vector<size_t>> places = {
      {0}, {37}, {2047, 2048}, {5, 21, 4999}, {16, 17, 18, 48}, {4100, 4101}};
  for (const std::vector<size_t>& largest : places) {
    for (const size_t label : {largest.back(), largest.front(), size_t{2500}}) {
      Matrix logits = Matrix::from_shape({1, 5000});
      for (size_t j = 0; j < 5000; ++j) {
        const bool masked = j >= 2048 && j < 4096 && j != label;
        logits(0, j) = masked ? -kInfinity : -38 - static_cast<double>(j % 7) / 4;
      }
      for (size_t n = 0; n < largest.size(); ++n) logits(0, largest[n]) = n % 2 == 0 ? -0.0 : 0.0;
      const Problem problem = SoftmaxRow(logits, static_cast<int64_t>(label));
      ExpectAgrees<TypeParam>(problem);
      ExpectAgrees<TypeParam>(Focal(problem, 2));
    }
  }
}

// Smoothing gives the class a target; its weight of 0 takes it away again.
TYPED_TEST(SpecialValuesTest, MinusInfinityOnAZeroWeightClassIsExact) {
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax || !oracle::IsWeightedPerClass(choice.form)) continue;
    Problem problem = SoftmaxRow({{2, -kInfinity, 1}}, 0);
    problem.label_smoothing = 0.125;
    problem.weights = {1, 0, 2};
    SetForm(choice, &problem);
    ExpectAgrees<TypeParam>(problem);
    EXPECT_EQ(ComputeProblem<TypeParam>(problem).result.non_finite_count, 0) << Describe(problem);

    Problem label_on_it = SoftmaxRow({{2, -kInfinity, 1}}, 1);
    label_on_it.weights = {1, 0, 2};
    SetForm(choice, &label_on_it);
    const Computed<TypeParam> actual = ComputeProblem<TypeParam>(label_on_it);
    EXPECT_EQ(actual.losses[0], TypeParam{0}) << Describe(label_on_it);
    EXPECT_THAT(actual.gradient, Each(Eq(TypeParam{0}))) << Describe(label_on_it);
    EXPECT_EQ(actual.result.non_finite_count, 0) << Describe(label_on_it);
  }
}

TYPED_TEST(SpecialValuesTest, InfiniteLogitsOfASigmoidAreExact) {
  for (const FormChoice& choice : FormChoices()) {
    if (choice.form == Form::kSquaredMargin) continue;  // it grows on both sides
    Problem problem;
    problem.activation = Activation::kSigmoid;
    problem.logits = {{-kInfinity, kInfinity, 1}};
    problem.binary_labels.emplace(xt::xtensor<int64_t, 2>{{0, 1, 1}});
    SetForm(choice, &problem);
    ExpectAgrees<TypeParam>(problem);
    const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
    EXPECT_EQ(actual.losses[0], TypeParam{0}) << Describe(problem);
    EXPECT_EQ(actual.losses[1], TypeParam{0}) << Describe(problem);
    EXPECT_EQ(actual.gradient[0], TypeParam{0}) << Describe(problem);
    EXPECT_EQ(actual.result.non_finite_count, 0) << Describe(problem);
  }
}

// The loss is infinite; the gradient is finite, and still descends.
TYPED_TEST(SpecialValuesTest, MinusInfinityOnTheTrueClassHasAFiniteGradient) {
  for (const double gamma : {0.0, 0.5, 1.0, 2.0, 5.0}) {
    const Problem problem = Focal(SoftmaxRow({{1, -kInfinity, 1}}, 1), gamma);
    const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
    EXPECT_EQ(actual.losses[0], std::numeric_limits<TypeParam>::infinity()) << gamma;
    EXPECT_EQ(actual.result.non_finite_count, 1) << gamma;
    EXPECT_EQ(actual.result.loss, kInfinity) << gamma;
    EXPECT_THAT(actual.gradient,
                ::testing::ElementsAre(TypeParam{0.5}, TypeParam{-1}, TypeParam{0.5}))
        << gamma;
    ExpectAgrees<TypeParam>(problem);

    Problem sigmoid;
    sigmoid.activation = Activation::kSigmoid;
    sigmoid.logits = {{-kInfinity, 0}};
    sigmoid.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1, 0}});
    ExpectAgrees<TypeParam>(Focal(sigmoid, gamma));
  }
}

TYPED_TEST(SpecialValuesTest, NotANumberIsCountedAndStaysInItsRow) {
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
      Random random(3);
      Problem problem = Draw(Activation::kSoftmax, labels, {5, 19}, 2, random);
      SetForm(choice, &problem);
      SCOPED_TRACE(Describe(problem));
      const Computed<TypeParam> clean = ComputeProblem<TypeParam>(problem);
      for (const size_t column : std::vector<size_t>{0, 7, 18}) {
        Problem spoiled = problem;
        spoiled.logits(2, column) = kNan;
        const Computed<TypeParam> actual = ComputeProblem<TypeParam>(spoiled);
        EXPECT_EQ(actual.result.non_finite_count, 1);
        EXPECT_EQ(actual.result.valid_count, 5);
        EXPECT_TRUE(std::isnan(actual.losses[2]));
        EXPECT_TRUE(std::isnan(actual.result.loss_sum));
        for (const size_t row : std::vector<size_t>{0, 1, 3, 4}) {
          EXPECT_EQ(actual.losses[row], clean.losses[row]);
          for (size_t k = 0; k < 19; ++k) {
            EXPECT_EQ(actual.gradient[row * 19 + k], clean.gradient[row * 19 + k]);
          }
        }
      }
    }
  }
}

TYPED_TEST(SpecialValuesTest, NotANumberBesideSigmoidStaysInItsElement) {
  for (const FormChoice& choice : FormChoices()) {
    Random random(4);
    Problem problem = Draw(Activation::kSigmoid, LabelKind::kBinaryLabels, {2, 21}, 2, random);
    SetForm(choice, &problem);
    SCOPED_TRACE(Describe(problem));
    const Computed<TypeParam> clean = ComputeProblem<TypeParam>(problem);
    problem.logits(1, 3) = kNan;
    const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
    EXPECT_EQ(actual.result.non_finite_count, 1);
    for (size_t n = 0; n < 42; ++n) {
      if (n == 24) {
        EXPECT_TRUE(std::isnan(actual.losses[n]));
      } else {
        EXPECT_EQ(actual.losses[n], clean.losses[n]) << n;
        EXPECT_EQ(actual.gradient[n], clean.gradient[n]) << n;
      }
    }
  }
}

TYPED_TEST(SpecialValuesTest, PlusInfinityAndRowsOfMinusInfinityAreCounted) {
  const Matrix rows[] = {{{kInfinity, 0, 1}},
                         {{kInfinity, kInfinity, 0}},
                         {{-kInfinity, -kInfinity, -kInfinity}},
                         {{kInfinity, kNan, -kInfinity}}};
  for (const Matrix& logits : rows) {
    Problem problem = SoftmaxRow(logits, 1);
    for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
      if (labels == LabelKind::kSoftTargets) {
        problem.class_ids.reset();
        problem.targets = Matrix{{0.25, 0.5, 0.25}};
      }
      const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
      EXPECT_EQ(actual.result.non_finite_count, 1) << logits(0, 0);
      EXPECT_FALSE(std::isfinite(actual.losses[0])) << logits(0, 0);
    }
  }
}

// In the first chunk of a long row, the last, its tail, or all of it.
TYPED_TEST(SpecialValuesTest, WhatIsNotFiniteStaysInItsRowHoweverLongThatIs) {
  for (const size_t classes : std::vector<size_t>{40, 513, 2049, 5000}) {
    Random random(11);
    const Problem problem =
        Draw(Activation::kSoftmax, LabelKind::kClassIds, {5, classes}, 2, random);
    const Computed<TypeParam> clean = ComputeProblem<TypeParam>(problem);
    struct Values {
      double value;
      size_t begin, end;
    };
    const Values spoils[] = {{kNan, 0, 1},
                             {kNan, classes / 2, classes / 2 + 1},
                             {kNan, classes - 1, classes},
                             {kInfinity, 0, 1},
                             {kInfinity, classes - 1, classes},
                             {kInfinity, 1, classes},
                             {kNan, 0, classes},
                             {-kInfinity, 0, classes}};
    for (const Values& spoil : spoils) {
      SCOPED_TRACE(::testing::Message() << spoil.value << " in [" << spoil.begin << ", "
                                        << spoil.end << ") of " << classes);
      Problem spoiled = problem;
      for (size_t k = spoil.begin; k < spoil.end; ++k) spoiled.logits(2, k) = spoil.value;
      const Computed<TypeParam> actual = ComputeProblem<TypeParam>(spoiled);
      EXPECT_EQ(actual.result.non_finite_count, 1);
      for (size_t row = 0; row < 5; ++row) {
        if (row == 2) {
          EXPECT_TRUE(std::isnan(actual.losses[row]));
          continue;
        }
        EXPECT_EQ(actual.losses[row], clean.losses[row]);
        EXPECT_EQ(absl::MakeConstSpan(actual.gradient).subspan(row * classes, classes),
                  absl::MakeConstSpan(clean.gradient).subspan(row * classes, classes));
      }
      for (size_t k = 0; k < classes; ++k) {
        EXPECT_TRUE(std::isnan(actual.gradient[2 * classes + k])) << k;
      }
    }
  }
}

TYPED_TEST(SpecialValuesTest, IgnoredRowsMayHoldAnything) {
  Problem problem;
  problem.logits = {{1, 2, 0}, {kNan, kInfinity, -kInfinity}};
  problem.class_ids = {1, 255};
  problem.ignore_index = 255;
  problem.reduction = oracle::Reduction::kMean;
  const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
  EXPECT_EQ(actual.result.valid_count, 1);
  EXPECT_EQ(actual.result.non_finite_count, 0);
  EXPECT_NEAR(actual.result.loss, 0.40760596444438, 1e-6);
  EXPECT_EQ(actual.losses[1], TypeParam{0});
  for (size_t k = 3; k < 6; ++k) EXPECT_EQ(actual.gradient[k], TypeParam{0});
}

// The transform from the request's logits to the form's has derivatives, which are NaN where the
// logit is.
TYPED_TEST(SpecialValuesTest, IgnoredSamplesMayHoldAnythingUnderASoftcap) {
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    for (const double anything : {kNan, kInfinity, -kInfinity}) {
      Problem problem;
      problem.activation = activation;
      problem.logits = {{1, 2, 0}, {anything, anything, anything}};
      if (activation == Activation::kSoftmax) {
        problem.class_ids = {1, 255};
      } else {
        problem.binary_labels = xt::xtensor<int64_t, 2>{{0, 1, 0}, {255, 255, 255}};
      }
      problem.ignore_index = 255;
      LossSpec spec = SpecOf(problem);
      spec.softcap = 5;
      const ProblemBatch<TypeParam> batch(problem);
      const Computed<TypeParam> actual =
          ComputeBatch<TypeParam>(batch.batch(), spec, OptionsOf(problem), Executor(1));
      EXPECT_EQ(actual.result.non_finite_count, 0) << anything;
      EXPECT_EQ(actual.losses.back(), TypeParam{0}) << anything;
      for (size_t k = 3; k < 6; ++k) {
        EXPECT_EQ(actual.gradient[k], TypeParam{0}) << anything;
        EXPECT_EQ(actual.hessian_diagonal[k], TypeParam{0}) << anything;
      }
    }
  }
}

TYPED_TEST(SpecialValuesTest, AnEmptyBatchReducesToZero) {
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    for (const oracle::Reduction reduction : kReductions) {
      Problem problem;
      problem.activation = activation;
      problem.logits = Matrix::from_shape({0, 3});
      problem.class_ids.emplace();
      problem.reduction = reduction;
      problem.top_k =
          activation == Activation::kSoftmax ? std::vector<int32_t>{1} : std::vector<int32_t>{};
      const Result result = ComputeProblem<TypeParam>(problem).result;
      EXPECT_EQ(result.loss, 0);
      EXPECT_EQ(result.loss_sum, 0);
      EXPECT_EQ(result.valid_count, 0);
      ASSERT_TRUE(result.class_statistics.has_value());
      ASSERT_TRUE(result.difficulty.has_value());
      EXPECT_EQ(result.class_statistics->count, (std::vector<int64_t>{0, 0, 0}));
      EXPECT_EQ(result.class_statistics->empty_classes, (std::vector<int64_t>{0, 1, 2}));
      EXPECT_EQ(result.difficulty->mean_true_probability, 0);
    }
  }
}

TYPED_TEST(SpecialValuesTest, OneClassIsAlwaysRight) {
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (const double z : {-1e4, 0.0, 3.5}) {
      Problem problem = SoftmaxRow({{z}}, 0);
      SetForm(choice, &problem);
      SCOPED_TRACE(Describe(problem));
      const Computed<TypeParam> actual = ComputeProblem<TypeParam>(problem);
      EXPECT_EQ(actual.losses[0], TypeParam{0});
      EXPECT_EQ(actual.gradient[0], TypeParam{0});
      EXPECT_EQ(actual.hessian_diagonal[0], TypeParam{0});
      EXPECT_EQ(actual.probabilities[0], TypeParam{1});
      EXPECT_EQ(actual.log_sum_exp[0], static_cast<TypeParam>(z));
      EXPECT_EQ(actual.result.non_finite_count, 0);
    }
  }
}

// (1 - p)^(γ - 1) has a pole at p = 1 for γ < 1; the derivatives have none.
TYPED_TEST(SpecialValuesTest, FocalWithGammaBelowOneIsFiniteForCertainAnswers) {
  for (const double gamma : {0.0, 0.01, 0.25, 0.5, 0.99}) {
    for (const double gap : {1.0, 15.0, 17.0, 40.0, 80.0, 104.0, 400.0, 1000.0}) {
      ExpectAgrees<TypeParam>(Focal(SoftmaxRow({{gap, 0}}, 0), gamma));
      ExpectAgrees<TypeParam>(Focal(SoftmaxRow({{0, gap, -1}}, 1), gamma));
      Problem smoothed = SoftmaxRow({{0, gap, -1}}, 1);
      smoothed.label_smoothing = 0.0625;
      ExpectAgrees<TypeParam>(Focal(smoothed, gamma));
      Problem sigmoid;
      sigmoid.activation = Activation::kSigmoid;
      sigmoid.logits = {{gap, -gap}};
      sigmoid.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1, 0}});
      ExpectAgrees<TypeParam>(Focal(sigmoid, gamma));
      const Computed<TypeParam> actual = ComputeProblem<TypeParam>(Focal(sigmoid, gamma));
      for (const TypeParam h : actual.hessian_diagonal) EXPECT_TRUE(std::isfinite(h));
    }
  }
}

// From 120-digit arithmetic: -2 p (1 - p)^2 where cross entropy has p - 1.
TYPED_TEST(SpecialValuesTest, SquaredErrorVanishesWhereCrossEntropyDoesNot) {
  const double tolerance = std::is_same_v<TypeParam, float> ? 2.4e-6 : 1e-12;
  Problem problem = SoftmaxRow({{-20, 0}}, 0);
  const Computed<TypeParam> cross_entropy = ComputeProblem<TypeParam>(problem);
  EXPECT_NEAR(static_cast<double>(cross_entropy.gradient[0]), -0.9999999979388463, tolerance);
  EXPECT_EQ(cross_entropy.result.vanishing_count, 0);
  problem.form = Form::kSquaredError;
  const Computed<TypeParam> squared_error = ComputeProblem<TypeParam>(problem);
  EXPECT_NEAR(static_cast<double>(squared_error.gradient[0]) / -8.2446144387739804585e-9, 1,
              tolerance);
  EXPECT_EQ(squared_error.result.vanishing_count, 1);
}

// A logit so close to the largest that the difference vanishes where it is scaled.
TYPED_TEST(SpecialValuesTest, TargetsOfLogitsThatScaleToTheLargestCount) {
  for (const size_t classes : std::vector<size_t>{5, 40, 3000}) {
    for (const Form form : {Form::kCrossEntropy, Form::kPoly1}) {
      Problem problem;
      problem.form = form;
      problem.logits = Matrix::from_shape({1, classes});
      problem.logits.fill(-3);
      problem.logits(0, 1) = 0;
      problem.logits(0, 3) = -0x1p-149;
      problem.targets = Matrix::from_shape({1, classes});
      problem.targets->fill(0);
      (*problem.targets)(0, 1) = 0.25;
      (*problem.targets)(0, 3) = 0.75;
      problem.temperature = 2.5;
      ExpectAgrees<TypeParam>(problem);
    }
  }
}

}  // namespace
}  // namespace lossd::loss
