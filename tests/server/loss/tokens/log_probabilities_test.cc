#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/loss/catalogue.h"
#include "server/loss/compute.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using ::testing::ElementsAre;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// What is computed of log-probabilities.
struct Answer {
  std::vector<double> losses;
  std::vector<double> gradient;
  std::vector<double> hessian;
  Result result;
};

struct Given {
  std::vector<double> u;
  std::vector<double> weights = {};
  Sequences sequences = {};
};

template <typename T>
Answer ComputeAs(const Given& given, const LossSpec& spec, const ComputeOptions& options) {
  const std::vector<T> u(given.u.begin(), given.u.end());
  Batch batch;
  batch.logits = absl::MakeConstSpan(u);
  batch.rows = static_cast<int64_t>(u.size());
  batch.classes = 1;
  batch.sample_weights = {given.weights, 1};
  batch.sequences = given.sequences;
  std::vector<T> losses(u.size());
  std::vector<T> gradient(u.size());
  std::vector<T> hessian(u.size());
  Outputs outputs;
  outputs[Output::kLosses] = absl::MakeSpan(losses);
  outputs[Output::kGradient] = absl::MakeSpan(gradient);
  outputs[Output::kHessianDiagonal] = absl::MakeSpan(hessian);
  const Executor executor(1);
  const auto result = loss::Compute(batch, spec, options, outputs, executor);
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return {};
  return {{losses.begin(), losses.end()},
          {gradient.begin(), gradient.end()},
          {hessian.begin(), hessian.end()},
          *result};
}

Answer ComputeOf(const Given& given, const LossSpec& spec, Reduction reduction = Reduction::kNone) {
  ComputeOptions options;
  options.reduction = reduction;
  return ComputeAs<double>(given, spec, options);
}

LossSpec Loss(const std::string& form, const std::vector<double>& parameters = {}) {
  LossSpec spec;
  spec.activation = Activation::kLogProbability;
  spec.form = FindForm(form);
  spec.parameters = DefaultParameters(*spec.form);
  for (size_t i = 0; i < parameters.size(); ++i) spec.parameters[i] = parameters[i];
  return spec;
}

void ExpectNear(const std::vector<double>& actual, const std::vector<double>& expected,
                double relative) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    const double bound = relative * std::abs(expected[i]);
    EXPECT_NEAR(actual[i], expected[i], bound) << "at " << i;
  }
}

TEST(LogProbabilities, HaveTheLossesOfTheirFormulas) {
  const Given given = {{-0.05, -0.5, -3}};
  const std::pair<LossSpec, std::vector<double>> cases[] = {
      {Loss("cross_entropy"), {0.05, 0.5, 3}},
      {Loss("kl_divergence"), {0.05, 0.5, 3}},
      {Loss("focal"), {0.000118928451727, 0.077409060873088, 2.708713846322815}},
      {Loss("poly1"), {0.098770575499286, 0.893469340287367, 3.950212931632136}},
      {Loss("generalized_cross_entropy"),
       {0.049135119632048, 0.421874157544695, 1.253633673924311}},
      {Loss("symmetric_cross_entropy"), {0.200082301997144, 1.623877361149466, 4.100851726528544}},
      {Loss("jensen_shannon"), {0.01720737779997, 0.160704910557066, 0.592963391323971}},
  };
  for (const auto& [spec, losses] : cases) {
    SCOPED_TRACE(spec.form->name);
    ExpectNear(ComputeOf(given, spec).losses, losses, 2e-11);
  }
}

// φ and its derivatives in long double, by formulas and by differences of the formula.
using Phi = long double (*)(long double u, const FormParameters& parameters);

long double FocalOf(long double u, const FormParameters& parameters) {
  return -std::pow(-std::expm1(u), static_cast<long double>(parameters[0])) * u;
}
long double Poly1Of(long double u, const FormParameters& parameters) {
  return -u - parameters[0] * std::expm1(u);
}
long double GceOf(long double u, const FormParameters& parameters) {
  return -std::expm1(parameters[0] * u) / parameters[0];
}
long double SceOf(long double u, const FormParameters& parameters) {
  return -parameters[0] * u + parameters[1] * parameters[2] * std::expm1(u);
}
long double JsdOf(long double u, const FormParameters&) {
  const long double p = std::exp(u);
  return std::log(2.0L) - (1 + p) * std::log1p(p) / 2 + p * u / 2;
}

TEST(LogProbabilities, HaveTheDerivativesOfTheirFormulas) {
  const std::pair<LossSpec, Phi> cases[] = {
      {Loss("focal"), &FocalOf},
      {Loss("focal", {0.5}), &FocalOf},
      {Loss("focal", {1}), &FocalOf},
      {Loss("focal", {3.7}), &FocalOf},
      {Loss("poly1", {2.5}), &Poly1Of},
      {Loss("generalized_cross_entropy", {0.3}), &GceOf},
      {Loss("symmetric_cross_entropy", {0.7, 1.5, -6}), &SceOf},
      {Loss("jensen_shannon"), &JsdOf},
  };
  const Given given = {{-0.02, -0.1, -0.3, -0.7, -1, -2.5, -6, -12}};
  for (const auto& [spec, phi] : cases) {
    SCOPED_TRACE(spec.form->name);
    const Answer answer = ComputeOf(given, spec);
    for (size_t i = 0; i < given.u.size(); ++i) {
      SCOPED_TRACE(given.u[i]);
      const long double u = given.u[i];
      // Differences of the fourth order: their own error is far below the bounds.
      const long double h = 2e-4L * std::min(1.0L, -u);
      const auto at = [&](int steps) { return phi(u + steps * h, spec.parameters); };
      const long double slope = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h);
      const long double curvature =
          (16 * (at(1) + at(-1)) - (at(2) + at(-2)) - 30 * at(0)) / (12 * h * h);
      EXPECT_NEAR(answer.losses[i], static_cast<double>(at(0)),
                  1e-14 * std::abs(static_cast<double>(at(0))));
      EXPECT_NEAR(answer.gradient[i], static_cast<double>(slope),
                  1e-10 * std::abs(static_cast<double>(slope)) + 1e-12);
      EXPECT_NEAR(answer.hessian[i], static_cast<double>(curvature),
                  1e-7 * std::abs(static_cast<double>(curvature)) + 1e-9);
    }
  }
}

TEST(LogProbabilities, CloseToCertaintyKeepTheirDigits) {
  const double u = -1e-12;
  const Answer focal = ComputeOf({{u}}, Loss("focal"));
  // (1 − p)² (−u) with 1 − p = −u (1 + u / 2)
  ExpectNear(focal.losses, {1e-36}, 1e-11);
  // 2 p (1 − p)(−u)… : φ = u²(−u), φ′ = −3u², φ″ = −6u to the first order
  ExpectNear(focal.gradient, {-3e-24}, 1e-11);
  ExpectNear(focal.hessian, {6e-12}, 1e-11);
  const Answer certain = ComputeOf({{0}}, Loss("focal"));
  EXPECT_EQ(certain.losses[0], 0);
  EXPECT_EQ(certain.gradient[0], 0);
  EXPECT_EQ(certain.hessian[0], 0);
  EXPECT_EQ(ComputeOf({{0}}, Loss("focal", {1})).hessian[0], 2);
}

TEST(LogProbabilities, AboveZeroAreReadAsTheFormReadsThem) {
  const Answer answer = ComputeOf({{0.125}}, Loss("cross_entropy"));
  EXPECT_EQ(answer.losses[0], -0.125);
  EXPECT_EQ(answer.gradient[0], -1);
  EXPECT_EQ(ComputeOf({{0.125}}, Loss("focal")).losses[0], 0);
  EXPECT_EQ(ComputeOf({{0.125}}, Loss("poly1")).losses[0], -0.125);
  for (const double u : {0.125, 1100.0}) {
    EXPECT_EQ(ComputeOf({{u}}, Loss("generalized_cross_entropy")).losses[0], 0) << u;
    EXPECT_EQ(ComputeOf({{u}}, Loss("generalized_cross_entropy")).gradient[0], -1) << u;
  }
}

TEST(LogProbabilities, OfImpossibleTruthsAndNaNAreCounted) {
  const Answer answer = ComputeOf({{-kInf, kNaN, -1}}, Loss("cross_entropy"), Reduction::kSum);
  EXPECT_EQ(answer.losses[0], kInf);
  EXPECT_TRUE(std::isnan(answer.losses[1]));
  EXPECT_EQ(answer.result.non_finite_count, 2);
  EXPECT_EQ(answer.gradient[0], -1);
}

TEST(LogProbabilities, OfWeightZeroAreNotRead) {
  const std::vector<double> weights = {0, 2, 0, 0, 1};
  const Given given = {{-kInf, -1, kNaN, kInf, -3}, weights};
  for (const char* form : {"cross_entropy", "focal", "jensen_shannon"}) {
    SCOPED_TRACE(form);
    const Answer answer = ComputeOf(given, Loss(form), Reduction::kMean);
    const Answer alone = ComputeOf({{-1, -3}, {2, 1}}, Loss(form), Reduction::kMean);
    for (const size_t i : {size_t{0}, size_t{2}, size_t{3}}) {
      EXPECT_EQ(answer.losses[i], 0);
      EXPECT_EQ(answer.gradient[i], 0);
      EXPECT_EQ(answer.hessian[i], 0);
    }
    EXPECT_EQ(answer.gradient[1], alone.gradient[0]);
    EXPECT_EQ(answer.gradient[4], alone.gradient[1]);
    EXPECT_EQ(answer.result.loss, alone.result.loss);
    EXPECT_EQ(answer.result.weight_sum, 3);
    EXPECT_EQ(answer.result.valid_count, 2);
    EXPECT_EQ(answer.result.non_finite_count, 0);
  }
}

TEST(LogProbabilities, OfPositiveCurvatureHaveItsMagnitudeAndFloor) {
  ComputeOptions options;
  options.hessian_mode = HessianMode::kPositive;
  const Given given = {{-1, -2}, {1, 0}};
  const LossSpec spec = Loss("poly1");
  const double exact = ComputeOf(given, spec).hessian[0];
  EXPECT_LT(exact, 0);
  EXPECT_THAT(ComputeAs<double>(given, spec, options).hessian, ElementsAre(-exact, 1e-16));
  EXPECT_THAT(ComputeAs<double>(given, Loss("cross_entropy"), options).hessian,
              ElementsAre(1e-16, 1e-16));
}

TEST(LogProbabilities, InFloatHaveTheDoublesRounded) {
  const std::vector<float> floats = {-0.001F, -0.37F, -2.5F, -17, -90};
  const Given given = {{floats.begin(), floats.end()}};
  for (const char* form : {"focal", "generalized_cross_entropy", "jensen_shannon"}) {
    const Answer rounded = ComputeAs<float>(given, Loss(form), {});
    const Answer exact = ComputeOf(given, Loss(form));
    for (size_t i = 0; i < given.u.size(); ++i) {
      EXPECT_EQ(rounded.losses[i], static_cast<float>(exact.losses[i]));
      EXPECT_EQ(rounded.gradient[i], static_cast<float>(exact.gradient[i]));
      EXPECT_EQ(rounded.hessian[i], static_cast<float>(exact.hessian[i]));
    }
  }
}

TEST(LogProbabilities, HaveTheSameBitsAnywhere) {
  Given all;
  for (int i = 0; i < 1000; ++i) all.u.push_back(-std::abs(std::sin(0.7 * i)) * 5);
  const Answer whole = ComputeOf(all, Loss("focal"));
  for (const size_t i : {size_t{0}, size_t{255}, size_t{256}, size_t{700}, size_t{999}}) {
    const Answer alone = ComputeOf({{all.u[i]}}, Loss("focal"));
    EXPECT_EQ(alone.losses[0], whole.losses[i]);
    EXPECT_EQ(alone.gradient[0], whole.gradient[i]);
    EXPECT_EQ(alone.hessian[0], whole.hessian[i]);
  }
}

TEST(LogProbabilities, AreMinedByTheirProbability) {
  LossSpec spec = Loss("cross_entropy");
  spec.mining = ThresholdMining{0.5, 0};
  const Answer answer = ComputeOf({{-0.1, -2, -0.2, -1}}, spec, Reduction::kMean);
  EXPECT_THAT(answer.losses, ElementsAre(0, 2, 0, 1));
  EXPECT_EQ(answer.result.valid_count, 2);
  EXPECT_EQ(answer.result.loss, 1.5);
}

TEST(LogProbabilities, HaveADifficulty) {
  ComputeOptions options;
  options.difficulty = true;
  const Answer answer = ComputeAs<double>({{-0.01, -5}}, Loss("cross_entropy"), options);
  ASSERT_TRUE(answer.result.difficulty);
  EXPECT_EQ(answer.result.difficulty->hard_count, 1);
  EXPECT_EQ(answer.result.difficulty->count[9], 1);
  EXPECT_EQ(answer.result.difficulty->hard_gradient_share, 0.5);
}

TEST(SequenceMean, IsTheMeanOfTheSequencesMeans) {
  const std::vector<double> weights = {1, 1, 2, 0, 0, 1};
  Given given = {{-1, -2, -3, -4, -5, -6}, weights};
  const std::vector<int64_t> ends = {2, 4, 4, 5, 6};
  given.sequences.ends = ends;
  const Answer answer = ComputeOf(given, Loss("cross_entropy"), Reduction::kSequenceMean);
  EXPECT_EQ(answer.result.sequence_count, 3);
  EXPECT_DOUBLE_EQ(answer.result.loss, (1.5 + 3 + 6) / 3);
  EXPECT_EQ(answer.result.loss_sum, 1 + 2 + 6 + 6);
  EXPECT_EQ(answer.result.weight_sum, 5);
  ExpectNear(answer.gradient, {-1.0 / 6, -1.0 / 6, -1.0 / 3, 0, 0, -1.0 / 3}, 1e-15);
}

TEST(SequenceMean, OfOneLengthAndANormalizerAddsUp) {
  Given given = {{-1, -2, -3, -4}};
  given.sequences = {2, 2, {}};
  ComputeOptions options;
  options.reduction = Reduction::kSequenceMean;
  options.normalizer = 4;
  const Answer answer = ComputeAs<double>(given, Loss("cross_entropy"), options);
  EXPECT_EQ(answer.result.loss, (1.5 + 3.5) / 4);
  EXPECT_THAT(answer.gradient, ElementsAre(-0.125, -0.125, -0.125, -0.125));
  given.weights = {0, 0, 0, 0};
  options.normalizer.reset();
  const Answer masked = ComputeAs<double>(given, Loss("cross_entropy"), options);
  EXPECT_EQ(masked.result.loss, 0);
  EXPECT_EQ(masked.result.sequence_count, 0);
  EXPECT_THAT(masked.gradient, ElementsAre(0, 0, 0, 0));
}

}  // namespace
}  // namespace lossd::loss
