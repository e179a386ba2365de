#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/oracle/evaluate.h"
#include "tests/oracle/problem.h"
#include "tests/oracle/term.h"

namespace lossd::oracle {
namespace {

// Returns the loss when one logit is moved by `step`.
Real LossAt(Problem problem, size_t row, size_t k, double step) {
  problem.logits(row, k) += step;
  const Answer answer = Evaluate(problem);
  if (problem.activation == Activation::kSoftmax) return answer.losses[row];
  return answer.losses[row * problem.classes() + k];
}

// Eighth-order central differences: with a step of 1/64 the truncation error is 64^-8 / 630 = 6e-18
// times a ninth derivative (below 1e5 for these forms and parameters), and long double's rounding
// costs 5e-20 * 64^2 = 2e-16 times the loss. The answers themselves are rounded to double.
constexpr double kStep = 1.0 / 64;
constexpr Real kDifferenceTolerance = 1e-12L;

void ExpectDerivativesAreDifferences(const Problem& problem, const std::string& what) {
  static const Real kFirst[] = {4.0L / 5, -1.0L / 5, 4.0L / 105, -1.0L / 280};
  static const Real kSecond[] = {8.0L / 5, -1.0L / 5, 8.0L / 315, -1.0L / 560};
  const Answer answer = Evaluate(problem);
  for (size_t i = 0; i < problem.rows(); ++i) {
    for (size_t k = 0; k < problem.classes(); ++k) {
      const Real centre = LossAt(problem, i, k, 0);
      Real first = 0;
      Real second = -205.0L / 72 * centre;
      for (int n = 0; n < 4; ++n) {
        const Real up = LossAt(problem, i, k, kStep * (n + 1));
        const Real down = LossAt(problem, i, k, -kStep * (n + 1));
        first += kFirst[n] * (up - down);
        second += kSecond[n] * (up + down);
      }
      first /= kStep;
      second /= Real{kStep} * kStep;
      const Real scale = 1 + std::abs(centre) + std::abs(first);
      EXPECT_LE(std::abs(answer.gradient(i, k) - first), kDifferenceTolerance * scale)
          << what << ", gradient[" << i << "][" << k << "] = " << answer.gradient(i, k)
          << ", difference " << first;
      EXPECT_LE(std::abs(answer.hessian_diagonal(i, k) - second), kDifferenceTolerance * scale)
          << what << ", hessian[" << i << "][" << k << "] = " << answer.hessian_diagonal(i, k)
          << ", difference " << second;
    }
  }
}

struct FormCase {
  Form form;
  bool has_softmax;
  std::vector<Parameters> parameters;
  bool has_sigmoid = true;
};

Parameters With(void (*set)(Parameters&)) {
  Parameters parameters;
  set(parameters);
  return parameters;
}

std::vector<FormCase> AllForms() {
  const Parameters standard;
  return {
      {Form::kCrossEntropy, true, {standard}},
      {Form::kFocal,
       true,
       {With([](Parameters& p) { p.gamma = 0; }), With([](Parameters& p) { p.gamma = 0.5; }),
        With([](Parameters& p) { p.gamma = 1; }), standard,
        With([](Parameters& p) { p.gamma = 3.5; })}},
      {Form::kSquaredError, true, {standard}},
      {Form::kKlDivergence, true, {standard}},
      {Form::kPoly1, true, {standard, With([](Parameters& p) { p.epsilon = -1; })}},
      {Form::kGeneralizedCrossEntropy, true, {standard, With([](Parameters& p) { p.q = 1; })}},
      {Form::kSymmetricCrossEntropy, true, {standard}},
      {Form::kJensenShannon,
       true,
       {standard, With([](Parameters& p) { p.skew = 0.1; }),
        With([](Parameters& p) { p.skew = 0.9; })}},
      {Form::kFocal, false, {With([](Parameters& p) {
         p.gamma = 1.5;
         p.soft_target_rule = SoftTargetRule::kBlended;
       })}},
      {Form::kAsymmetric,
       false,
       {standard, With([](Parameters& p) {
          p.gamma_positive = 1;
          p.gamma_negative = 2;
          p.margin = 0;
        }),
        With([](Parameters& p) { p.gamma_negative = 0; })}},
      {Form::kQualityFocal,
       false,
       {With([](Parameters& p) { p.beta = 2; }), With([](Parameters& p) { p.beta = 0; })}},
      {Form::kVarifocal, false, {With([](Parameters& p) { p.alpha = 0.75; })}},
      {Form::kFocalStar, false, {With([](Parameters& p) { p.beta = 0.5; })}},
      // No logit that is drawn is near a kink.
      {Form::kHinge, false, {With([](Parameters& p) { p.margin = 2; })}},
      {Form::kSquaredMargin, false, {With([](Parameters& p) { p.target = -0.75; })}},
      {Form::kReverseKlDivergence, true, {standard}, false},
  };
}

// Logits that are multiples of 1/64, so that a step is exact, and away from p = margin.
Problem DrawProblem(const FormCase& form, const Parameters& parameters, Activation activation,
                    std::mt19937_64& random) {
  Problem problem;
  problem.activation = activation;
  problem.form = form.form;
  problem.parameters = parameters;
  const size_t rows = 3;
  const size_t classes = 4;
  problem.logits = Matrix::from_shape({rows, classes});
  problem.targets = Matrix::from_shape({rows, classes});
  std::uniform_int_distribution<int> logit(-100, 100);
  std::uniform_real_distribution<double> uniform(0.05, 0.95);
  for (size_t i = 0; i < rows; ++i) {
    double total = 0;
    for (size_t k = 0; k < classes; ++k) {
      problem.logits(i, k) = logit(random) / 64.0;
      (*problem.targets)(i, k) = i == 0 ? (k == 1 ? 1.0 : 0.0) : uniform(random);
      total += (*problem.targets)(i, k);
    }
    if (activation == Activation::kSoftmax) {
      for (size_t k = 0; k < classes; ++k) (*problem.targets)(i, k) /= total;
    }
  }
  problem.weights = {0.5, 2, 1.25, 3};
  problem.sample_weights = {1, 0.5, 2};
  if (form.form != Form::kVarifocal) problem.label_smoothing = 0.125;
  if (activation == Activation::kSigmoid) {
    problem.alpha = 0.25;
    problem.positive_weights = {1.5, 1, 2, 0.5};
  }
  return problem;
}

TEST(DerivativesTest, DerivativesAreCentralDifferences) {
  std::mt19937_64 random(7);
  for (const FormCase& form : AllForms()) {
    for (const Parameters& parameters : form.parameters) {
      for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
        if (activation == Activation::kSoftmax && !form.has_softmax) continue;
        if (activation == Activation::kSigmoid && !form.has_sigmoid) continue;
        const std::string what = "form " + std::to_string(static_cast<int>(form.form)) +
                                 ", gamma " + std::to_string(parameters.gamma) +
                                 (activation == Activation::kSoftmax ? ", softmax" : ", sigmoid");
        ExpectDerivativesAreDifferences(DrawProblem(form, parameters, activation, random), what);
      }
    }
  }
}

// phi'' is recovered from the exact Hessian where the row has one term: h_t = phi'' q^2 - phi' p q.
TEST(DerivativesTest, PositiveHessianDropsOnlyNegativeCurvature) {
  std::mt19937_64 random(11);
  for (const FormCase& form : AllForms()) {
    for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
      if (activation == Activation::kSoftmax && !form.has_softmax) continue;
      if (activation == Activation::kSigmoid && !form.has_sigmoid) continue;
      Problem problem = DrawProblem(form, form.parameters.back(), activation, random);
      const Answer exact = Evaluate(problem);
      problem.hessian_mode = HessianMode::kPositive;
      const Answer positive = Evaluate(problem);
      for (size_t i = 0; i < problem.rows(); ++i) {
        for (size_t k = 0; k < problem.classes(); ++k) {
          EXPECT_GE(positive.hessian_diagonal(i, k),
                    exact.hessian_diagonal(i, k) - 1e-15 * exact.hessian_magnitude(i, k));
          EXPECT_GE(positive.hessian_diagonal(i, k), 1e-16);
        }
      }
    }
  }
}

Answer AsymmetricAt(double z, double target, const Parameters& parameters, HessianMode mode) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.form = Form::kAsymmetric;
  problem.parameters = parameters;
  problem.logits = {{z}};
  problem.targets = Matrix{{target}};
  problem.hessian_mode = mode;
  return Evaluate(problem);
}

// A detached factor is a number: the loss without focusing, whose derivatives are differences
// above, times the factor.
TEST(DerivativesTest, DetachedDerivativesAreTheUnfocusedLossesTimesTheFactor) {
  for (const double margin : {0.0, 0.0625}) {
    for (const HessianMode mode : {HessianMode::kExact, HessianMode::kPositive}) {
      for (const double z : {-20.0, -4.0, -1.0, 0.5, 3.0, 20.0}) {
        for (const double target : {0.0, 1.0}) {
          Parameters focused;
          focused.gamma_positive = 1.5;
          focused.gamma_negative = 2.5;
          focused.margin = margin;
          Parameters detached = focused;
          detached.detach_focusing = true;
          Parameters unfocused = focused;
          unfocused.gamma_positive = 0;
          unfocused.gamma_negative = 0;
          const Answer expected = AsymmetricAt(z, target, focused, mode);
          const Answer actual = AsymmetricAt(z, target, detached, mode);
          const Answer plain = AsymmetricAt(z, target, unfocused, mode);
          EXPECT_EQ(actual.losses[0], expected.losses[0]);
          if (plain.losses[0] == 0) continue;  // below the margin
          const auto factor = static_cast<double>(expected.losses[0] / plain.losses[0]);
          EXPECT_NEAR(actual.gradient(0, 0), factor * plain.gradient(0, 0),
                      1e-15 * actual.gradient_magnitude(0, 0));
          EXPECT_NEAR(actual.hessian_diagonal(0, 0),
                      std::max(factor * plain.hessian_diagonal(0, 0),
                               mode == HessianMode::kPositive ? 1e-16 : -1.0),
                      1e-15 * actual.hessian_magnitude(0, 0) + 1e-31);
        }
      }
    }
  }
}

TEST(DerivativesTest, TwoClassSoftmaxIsSigmoidOfTheDifference) {
  for (const Form form :
       {Form::kCrossEntropy, Form::kFocal, Form::kKlDivergence, Form::kPoly1,
        Form::kGeneralizedCrossEntropy, Form::kSymmetricCrossEntropy, Form::kJensenShannon}) {
    for (const double z : {-30.0, -3.0, 0.0, 0.25, 5.0, 40.0}) {
      Problem softmax;
      softmax.form = form;
      softmax.logits = {{0, z}};
      softmax.targets = Matrix{{0.25, 0.75}};
      Problem sigmoid;
      sigmoid.activation = Activation::kSigmoid;
      sigmoid.form = form;
      sigmoid.logits = {{z}};
      sigmoid.targets = Matrix{{0.75}};
      const Answer a = Evaluate(softmax);
      const Answer b = Evaluate(sigmoid);
      EXPECT_NEAR(static_cast<double>(a.losses[0]), static_cast<double>(b.losses[0]),
                  1e-15 * static_cast<double>(b.losses_magnitude[0]));
      EXPECT_NEAR(a.gradient(0, 1), b.gradient(0, 0), 1e-15 * b.gradient_magnitude(0, 0));
      EXPECT_NEAR(a.hessian_diagonal(0, 1), b.hessian_diagonal(0, 0),
                  1e-15 * b.hessian_magnitude(0, 0));
    }
  }
}

}  // namespace
}  // namespace lossd::oracle
