#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/class_weights.h"
#include "tests/oracle/evaluate.h"
#include "tests/oracle/information.h"
#include "tests/oracle/problem.h"
#include "tests/oracle/term.h"

namespace lossd::oracle {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;

// One row whose loss, gradient and diagonal Hessian were computed in 120-digit arithmetic from the
// defining formula in terms of p alone, differentiated numerically with steps of 1e-18.
struct Literal {
  Form form;
  Activation activation;
  void (*set)(Parameters&);
  std::vector<double> logits;
  std::vector<double> targets;
  Real loss;
  std::vector<Real> gradient;
  std::vector<Real> hessian;
};

const Literal kLiterals[] = {
    {Form::kCrossEntropy,
     Activation::kSoftmax,
     [](Parameters&) {},
     {2.0, 1.0, 0.0},
     {1.0, 0.0, 0.0},
     4.0760596444438030448e-1L,
     {-3.3475904422517811047e-1L, 2.4472847105479765247e-1L, 9.0030573170380457998e-2L},
     {2.2269542653462335644e-1L, 1.8483644650997872006e-1L, 8.1925069064993228446e-2L}},
    {Form::kCrossEntropy,
     Activation::kSoftmax,
     [](Parameters&) {},
     {-70.0, 0.0, 1.0},
     {1.0, 0.0, 0.0},
     7.1313261687518222834e+1L,
     {-1.0L, 2.6894142136999512075e-1L, 7.3105857863000487925e-1L},
     {1.0691631025602432037e-31L, 1.9661193324148185254e-1L, 1.9661193324148185254e-1L}},
    {Form::kCrossEntropy,
     Activation::kSoftmax,
     [](Parameters&) {},
     {80.0, 0.0, -1.0},
     {1.0, 0.0, 0.0},
     2.4688191078034886124e-35L,
     {-2.4688191078034886124e-35L, 1.8048513878454151723e-35L, 6.6396771995807344007e-36L},
     {2.4688191078034886124e-35L, 1.8048513878454151723e-35L, 6.6396771995807344007e-36L}},
    {Form::kFocal,
     Activation::kSoftmax,
     [](Parameters& p) { p.gamma = 0.5; },
     {40.0, 0.0},
     {0.5, 0.5},
     1.999999999999999996e+1L,
     {5.000000000000000393e-1L, -5.000000000000000393e-1L},
     {-3.8235188287773225858e-17L, -3.8235188287773225858e-17L}},
    {Form::kFocal,
     Activation::kSoftmax,
     [](Parameters& p) { p.gamma = 2; },
     {15.0, 0.0},
     {1.0, 0.0},
     2.8625163914228637125e-20L,
     {-8.5875469851432219472e-20L, 8.5875469851432219472e-20L},
     {2.5762632198930510562e-19L, 2.5762632198930510562e-19L}},
    {Form::kFocal,
     Activation::kSoftmax,
     [](Parameters& p) { p.gamma = 2; },
     {17.0, 0.0},
     {1.0, 0.0},
     7.0954734279142289089e-23L,
     {-2.1286419549372264194e-22L, 2.1286419549372264194e-22L},
     {6.3859255710635207848e-22L, 6.3859255710635207848e-22L}},
    {Form::kFocal,
     Activation::kSoftmax,
     [](Parameters& p) { p.gamma = 0.5; },
     {35.0, 0.0, 1.0},
     {1.0, 0.0, 0.0},
     1.1351497461292247162e-22L,
     {-1.7027246191938344131e-22L, 4.5793317928767350257e-23L, 1.2447914399061609105e-22L},
     {2.5540869287907449664e-22L, 5.1951177935272688212e-23L, 1.6997991702804549195e-22L}},
    {Form::kFocal,
     Activation::kSoftmax,
     [](Parameters& p) { p.gamma = 0.25; },
     {1.0, -3.0, 0.5},
     {0.25, 0.5, 0.25},
     2.5511157198988188801L,
     {3.7734688088920147193e-1L, -4.9374156544617442094e-1L, 1.1639468455697294901e-1L},
     {2.522261961530287587e-1L, 7.5967250587744845938e-3L, 2.5000779145545679733e-1L}},
    {Form::kFocal,
     Activation::kSoftmax,
     [](Parameters& p) { p.gamma = 5; },
     {-69.0, 2.0, 1.0},
     {1.0, 0.0, 0.0},
     7.1313261687518222834e+1L,
     {-1.0L, 7.3105857863000487925e-1L, 2.6894142136999512075e-1L},
     {-3.6946674646942486478e-29L, 1.9661193324148185254e-1L, 1.9661193324148185254e-1L}},
    {Form::kSquaredError,
     Activation::kSoftmax,
     [](Parameters&) {},
     {-20.0, 0.0},
     {1.0, 0.0},
     1.9999999917553855357L,
     {-8.2446144387739804585e-9L, 8.2446144387739804585e-9L},
     {-8.2446143877937298153e-9L, -8.2446143877937298153e-9L}},
    {Form::kSquaredError,
     Activation::kSoftmax,
     [](Parameters&) {},
     {30.0, 0.0, -1.0},
     {1.0, 0.0, 0.0},
     2.6325831825839295402e-26L,
     {-5.2651663651671851338e-26L, 4.1468723622755570512e-26L, 1.1182940028916280827e-26L},
     {1.0530332730332348428e-25L, 7.6494766673517163181e-26L, 1.5923199485849451455e-26L}},
    {Form::kSquaredError,
     Activation::kSoftmax,
     [](Parameters&) {},
     {0.5, -1.0, 2.0},
     {0.125, 0.625, 0.25},
     6.3265738380192020361e-1L,
     {-1.2493749344990060648e-1L, -7.7642426029446829716e-2L, 2.025799194793474362e-1L},
     {-1.3187152985470874687e-3L, -6.6761631279333141948e-2L, -1.915716312833807417e-2L}},
    {Form::kKlDivergence,
     Activation::kSoftmax,
     [](Parameters&) {},
     {0.5, -1.0, 2.0},
     {0.125, 0.625, 0.25},
     1.4035552453886201934L,
     {5.0290392140036689955e-2L, -5.8588742672931254805e-1L, 5.3559703458927585809e-1L},
     {1.4456367056342885338e-1L, 3.7582779882832557432e-2L, 1.684343338338119691e-1L}},
    {Form::kKlDivergence,
     Activation::kSoftmax,
     [](Parameters&) {},
     {20.0, -1.0, 2.0},
     {0.5, 0.5, 0.0},
     9.8068528354282903503L,
     {4.9999998401176446812e-1L, -4.9999999924174396933e-1L, 1.5229979501212125132e-8L},
     {1.5988235276256464176e-8L, 7.5825603009306225913e-10L, 1.5229979269259849525e-8L}},
    {Form::kPoly1,
     Activation::kSoftmax,
     [](Parameters& p) { p.epsilon = -1; },
     {25.0, 0.0},
     {1.0, 0.0},
     9.6437492396410131176e-23L,
     {-1.9287498479103450438e-22L, 1.9287498479103450438e-22L},
     {3.8574996957671173483e-22L, 3.8574996957671173483e-22L}},
    {Form::kPoly1,
     Activation::kSoftmax,
     [](Parameters& p) { p.epsilon = 2; },
     {1.0, 2.0, -25.0},
     {0.5, 0.25, 0.25},
     8.9287909768347840882L,
     {-3.2936454525102995844e-1L, 5.7936454524947114387e-1L, -2.4999999999844118544e-1L},
     {1.5118305940480368034e-1L, 1.5118305940579418907e-1L, 1.558814562209817732e-12L}},
    {Form::kGeneralizedCrossEntropy,
     Activation::kSoftmax,
     [](Parameters& p) { p.q = 0.7; },
     {30.0, -2.0, 1.0},
     {0.5, 0.5, 0.0},
     7.1428571415228810494e-1L,
     {9.3358303656156591483e-11L, -9.3485486938549161086e-11L, 1.2718328239256960321e-13L},
     {-6.5310757949724229888e-11L, -6.5437941232150032688e-11L, 1.2718328239251460622e-13L}},
    {Form::kGeneralizedCrossEntropy,
     Activation::kSoftmax,
     [](Parameters& p) { p.q = 1; },
     {-30.0, 0.0},
     {1.0, 0.0},
     9.9999999999990642377e-1L,
     {-9.3576229688384233028e-14L, 9.3576229688384233028e-14L},
     {-9.3576229688366720006e-14L, -9.3576229688366720006e-14L}},
    {Form::kSymmetricCrossEntropy,
     Activation::kSoftmax,
     [](Parameters& p) {
       p.alpha = 0.1;
       p.beta = 1;
       p.log_zero = -4;
     },
     {28.0, -2.0, 1.0},
     {1.0, 0.0, 0.0},
     8.089730689516921447e-12L,
     {-8.0897306895011542157e-12L, 3.836625417209516099e-13L, 7.7060681477802026058e-12L},
     {8.0897306894696197532e-12L, 3.8366254172088068216e-13L, 7.7060681477515883144e-12L}},
    {Form::kSymmetricCrossEntropy,
     Activation::kSoftmax,
     [](Parameters& p) {
       p.alpha = 0.5;
       p.beta = 2;
       p.log_zero = -3;
     },
     {1.0, -2.0, 1.0},
     {0.5, 0.375, 0.125},
     3.6742600805264313267L,
     {-6.727745278748465183e-1L, -1.9457374347961700087e-1L, 8.6734827135446351917e-1L},
     {1.0873279215004245539e-1L, -6.435141341208596844e-3L, 1.4158650891916174663e-1L}},
    {Form::kJensenShannon,
     Activation::kSoftmax,
     [](Parameters&) {},
     {30.0, 0.0, -3.0},
     {1.0, 0.0, 0.0},
     3.4045696785984727786e-14L,
     {-3.404569678598258957e-14L, 3.2431049887968686316e-14L, 1.6146468980139032542e-15L},
     {3.4045696785978313139e-14L, 3.2431049887964805893e-14L, 1.6146468980138936356e-15L}},
    {Form::kJensenShannon,
     Activation::kSoftmax,
     [](Parameters&) {},
     {-30.0, 0.0, -3.0},
     {1.0, 0.0, 0.0},
     6.9314718055856150034e-1L,
     {-1.3392399261471314081e-12L, 1.2757253032553436521e-12L, 6.3514622891787755987e-14L},
     {-1.2946707785035261716e-12L, -1.1142785986899065249e-12L, 5.7590395517599877246e-14L}},
    {Form::kJensenShannon,
     Activation::kSoftmax,
     [](Parameters&) {},
     {0.001, 0.0},
     {0.5, 0.5},
     3.1249997070312731878e-8L,
     {6.2499988281251384764e-5L, -6.2499988281251384764e-5L},
     {6.2499964843756917317e-2L, 6.2499964843756917317e-2L}},
    {Form::kFocal,
     Activation::kSigmoid,
     [](Parameters& p) { p.gamma = 2; },
     {-17.0},
     {0.0},
     7.0954734279142289089e-23L,
     {2.1286419549372264194e-22L},
     {6.3859255710635207848e-22L}},
    {Form::kFocal,
     Activation::kSigmoid,
     [](Parameters& p) { p.gamma = 0.5; },
     {36.0},
     {0.25},
     2.6999999999999997043e+1L,
     {7.5000000000000287041e-1L},
     {-2.7834273943051777371e-15L}},
    {Form::kFocal,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.gamma = 1.5;
       p.soft_target_rule = SoftTargetRule::kBlended;
     },
     {3.0},
     {0.25},
     1.4227332308974276354L,
     {5.0123802278961144963e-1L},
     {9.4917521379738819286e-3L}},
    {Form::kFocal,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.gamma = 0.5;
       p.soft_target_rule = SoftTargetRule::kBlended;
     },
     {30.0},
     {1.0},
     2.8625185805491257808e-20L,
     {-4.2937778708234208075e-20L},
     {6.440666806234461552e-20L}},
    {Form::kSquaredError,
     Activation::kSigmoid,
     [](Parameters&) {},
     {-20.0},
     {1.0},
     9.9999999587769276787e-1L,
     {-4.1223072193869902293e-9L},
     {-4.1223071938968649077e-9L}},
    {Form::kAsymmetric,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.gamma_positive = 1;
       p.gamma_negative = 4;
       p.margin = 0.0625;
     },
     {3.0},
     {0.0},
     1.3857782774512237625L,
     {5.3928672791014576719e-1L},
     {-2.3455145117344488939e-1L}},
    {Form::kAsymmetric,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.gamma_positive = 0.5;
       p.gamma_negative = 2.5;
       p.margin = 0;
     },
     {-20.0},
     {0.25},
     4.9999999953624043564L,
     {-2.5000000437995143427e-1L},
     {-4.1223072188559459424e-9L}},
    {Form::kAsymmetric,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.gamma_positive = 0;
       p.gamma_negative = 4;
       p.margin = 0.0625;
     },
     {-4.0},
     {0.0},
     0.0L,
     {0.0L},
     {0.0L}},
    {Form::kQualityFocal,
     Activation::kSigmoid,
     [](Parameters& p) { p.beta = 1.5; },
     {-2.0},
     {0.75},
     8.1508489672172544467e-1L,
     {-5.1952830047979698633e-1L},
     {7.2356160792265712271e-2L}},
    {Form::kQualityFocal,
     Activation::kSigmoid,
     [](Parameters& p) { p.beta = 2; },
     {-25.0},
     {0.0},
     2.6786369617150760449e-33L,
     {8.0359108850522262354e-33L},
     {2.4107732654784671109e-32L}},
    {Form::kVarifocal,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.alpha = 0.75;
       p.gamma = 2;
     },
     {0.5},
     {0.0},
     2.8305870064455733136e-1L,
     {3.9461386640593727618e-1L},
     {3.6979626998643993965e-1L}},
    {Form::kVarifocal,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.alpha = 0.75;
       p.gamma = 2;
     },
     {0.5},
     {0.625},
     4.1348561511256667555e-1L,
     {-1.5879179988408971007e-3L},
     {1.4687732012599655567e-1L}},
    {Form::kFocalStar,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.gamma = 2;
       p.beta = 0.5;
     },
     {2.0},
     {0.25},
     1.325037374958306939L,
     {7.2526909127883446584e-1L},
     {4.8112650680715956885e-2L}},
    {Form::kJensenShannon,
     Activation::kSigmoid,
     [](Parameters&) {},
     {-12.0},
     {0.75},
     3.8035729798500380025e-1L,
     {-3.5295570105499704553e-5L},
     {-3.2223108222522499891e-5L}},
    {Form::kSymmetricCrossEntropy,
     Activation::kSigmoid,
     [](Parameters& p) {
       p.alpha = 0.1;
       p.beta = 1;
       p.log_zero = -4;
     },
     {2.0},
     {0.75},
     4.8133266853472296275e-1L,
     {-1.0226753535782868506e-1L},
     {9.8347144833277106719e-2L}},
};

Problem RowProblem(const Literal& literal) {
  Problem problem;
  problem.form = literal.form;
  problem.activation = literal.activation;
  literal.set(problem.parameters);
  problem.logits = Matrix::from_shape({1, literal.logits.size()});
  problem.targets = Matrix::from_shape({1, literal.targets.size()});
  for (size_t k = 0; k < literal.logits.size(); ++k) {
    problem.logits(0, k) = literal.logits[k];
    (*problem.targets)(0, k) = literal.targets[k];
  }
  return problem;
}

// The answers are doubles computed in long double: half a unit in the last place, and a little.
void ExpectClose(Real actual, Real expected, const std::string& what) {
  EXPECT_LE(std::abs(actual - expected), 4e-16L * std::abs(expected))
      << what << ": " << actual << " instead of " << expected;
}

TEST(OracleTest, AgreesWithLiteralsFrom120DigitArithmetic) {
  for (const Literal& literal : kLiterals) {
    const Problem problem = RowProblem(literal);
    const Answer answer = Evaluate(problem);
    const std::string what = "form " + std::to_string(static_cast<int>(literal.form)) +
                             " at z_0 = " + std::to_string(literal.logits[0]);
    Real loss = 0;
    for (const Real value : answer.losses) loss += value;
    ExpectClose(loss, literal.loss, what + ", loss");
    for (size_t j = 0; j < literal.logits.size(); ++j) {
      ExpectClose(answer.gradient(0, j), literal.gradient[j], what + ", gradient");
      ExpectClose(answer.hessian_diagonal(0, j), literal.hessian[j], what + ", hessian");
    }
  }
}

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
      {Form::kJensenShannon, true, {standard}},
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

TEST(OracleTest, DerivativesAreCentralDifferences) {
  std::mt19937_64 random(7);
  for (const FormCase& form : AllForms()) {
    for (const Parameters& parameters : form.parameters) {
      for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
        if (activation == Activation::kSoftmax && !form.has_softmax) continue;
        const std::string what = "form " + std::to_string(static_cast<int>(form.form)) +
                                 ", gamma " + std::to_string(parameters.gamma) +
                                 (activation == Activation::kSoftmax ? ", softmax" : ", sigmoid");
        ExpectDerivativesAreDifferences(DrawProblem(form, parameters, activation, random), what);
      }
    }
  }
}

// phi'' is recovered from the exact Hessian where the row has one term: h_t = phi'' q^2 - phi' p q.
TEST(OracleTest, PositiveHessianDropsOnlyNegativeCurvature) {
  std::mt19937_64 random(11);
  for (const FormCase& form : AllForms()) {
    for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
      if (activation == Activation::kSoftmax && !form.has_softmax) continue;
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
TEST(OracleTest, DetachedDerivativesAreTheUnfocusedLossesTimesTheFactor) {
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

TEST(OracleTest, TwoClassSoftmaxIsSigmoidOfTheDifference) {
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
