#include "tests/server/loss/agreement.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::loss {
namespace {

template <typename T>
constexpr bool kIsFloat = std::is_same_v<T, float>;

// A smaller result may have lost digits to underflow.
template <typename T>
constexpr double kTiny = kIsFloat<T> ? 1e-37 : 1e-300;

template <typename T>
constexpr double kEpsilon = std::numeric_limits<T>::epsilon();

template <typename T>
double Tolerance(double order, double size) {
  if (!kIsFloat<T>) return 1e-12;
  return (size < 1e-3 ? 5e-6 : 1.2e-6) * order;
}

bool SameNonFinite(double actual, double expected) {
  return (std::isnan(actual) && std::isnan(expected)) || actual == expected;
}

// Compares numbers, remembers the worst and says it at the end.
class Comparison {
 public:
  explicit Comparison(std::string what) : what_(std::move(what)) {}

  // Checks |actual - expected| ≤ allowed; non-finite values must be the same ones.
  void Check(double actual, double expected, double allowed, const char* name, size_t row,
             size_t column) {
    double ratio = std::abs(actual - expected) / allowed;
    if (!std::isfinite(actual) || !std::isfinite(expected)) {
      ratio = SameNonFinite(actual, expected) ? 0 : std::numeric_limits<double>::infinity();
    }
    if (ratio <= worst_.ratio) return;
    worst_.ratio = ratio;
    std::string& text = worst_.where;
    text = absl::StrCat(what_, ": ", name, "[", row, "][", column, "] = ");
    char numbers[160];
    std::snprintf(numbers, sizeof(numbers),
                  "%.17g, expected %.17g, off by %.3g where %.3g is allowed", actual, expected,
                  std::abs(actual - expected), allowed);
    text += numbers;
  }

  void SayAlso(const std::string& text) {
    if (worst_.ratio > said_) worst_.where += text;
    said_ = worst_.ratio;
  }

  void Finish(Worst* worst) const {
    EXPECT_LE(worst_.ratio, 1.0) << worst_.where;
    if (worst != nullptr && worst_.ratio > worst->ratio) *worst = worst_;
  }

 private:
  std::string what_;
  Worst worst_;
  double said_ = 0;
};

// Returns true when nothing cancels in losses and gradients, so that errors are relative to their
// own size.
bool IsCancellationFree(const oracle::Problem& problem) {
  if (problem.form == oracle::Form::kAsymmetric && problem.parameters.margin != 0) return false;
  // Capped logits are nearly equal where they are large, and p_j − Σ p² is a small difference then.
  if (problem.form == oracle::Form::kSquaredError && problem.softcap != 0) return false;
  return !problem.targets && !problem.teacher_logits && problem.label_smoothing == 0 &&
         problem.z_loss == 0;
}

double RowMaximum(const oracle::Matrix& matrix, size_t row) {
  double maximum = 0;
  for (size_t k = 0; k < matrix.shape()[1]; ++k) {
    const double value = std::abs(matrix(row, k));
    if (std::isfinite(value)) maximum = std::max(maximum, value);
  }
  return maximum;
}

// Returns the scale of an entry's error: its row's for softmax, where every entry shares the row's
// sums, its own for sigmoid.
double Scale(const oracle::Problem& problem, const oracle::Matrix& matrix, size_t row, size_t k) {
  return problem.activation == oracle::Activation::kSoftmax ? RowMaximum(matrix, row)
                                                            : std::abs(matrix(row, k));
}

template <typename T>
void CheckLosses(const oracle::Problem& problem, const oracle::Answer& expected,
                 const Computed<T>& actual, Comparison* comparison) {
  ASSERT_EQ(actual.losses.size(), expected.losses.size());
  const size_t per_row = problem.activation == oracle::Activation::kSoftmax ? 1 : problem.classes();
  for (size_t i = 0; i < expected.losses.size(); ++i) {
    const auto loss = static_cast<double>(expected.losses[i]);
    const double scale = IsCancellationFree(problem)
                             ? std::abs(loss)
                             : static_cast<double>(expected.losses_magnitude[i]);
    comparison->Check(static_cast<double>(actual.losses[i]), loss,
                      Tolerance<T>(Order(problem), scale) * scale + kTiny<T>, "losses", i / per_row,
                      i % per_row);
    comparison->SayAlso(absl::StrCat(" (p_t ", expected.true_probability[i], ")"));
    if (loss > kTiny<T> && IsCancellationFree(problem)) {
      EXPECT_NE(actual.losses[i], T{0}) << Describe(problem) << ": losses[" << i << "] = " << loss;
    }
  }
}

// Returns the rounding to T of a positive Hessian's floor.
template <typename T>
double FloorTolerance(const oracle::Problem& problem) {
  return problem.hessian_mode == oracle::HessianMode::kPositive ? kEpsilon<T> * 1e-16 : 0;
}

// The error that entries may have: the share of their scales that `order` allows, `tinies` smallest
// numbers, and `slack`. The reduction has multiplied entries and their errors by `factor`.
struct Allowance {
  double order = 1;
  double factor = 1;
  double tinies = 1;
  double slack = 0;
};

template <typename T>
void CheckMatrix(const oracle::Problem& problem, const Allowance& allowance, const char* name,
                 const oracle::Matrix& expected, const oracle::Matrix& scales,
                 const std::vector<T>& actual, Comparison* comparison) {
  const size_t classes = problem.classes();
  ASSERT_EQ(actual.size(), problem.rows() * classes);
  for (size_t i = 0; i < problem.rows(); ++i) {
    const double row_scale = Scale(problem, scales, i, 0);
    for (size_t k = 0; k < classes; ++k) {
      const double scale = problem.activation == oracle::Activation::kSoftmax
                               ? row_scale
                               : Scale(problem, scales, i, k);
      const double relative = Tolerance<T>(allowance.order, scale / allowance.factor);
      const double smallest = allowance.tinies * kTiny<T> * std::max(1.0, allowance.factor);
      const double allowed = relative * scale + smallest + allowance.slack;
      comparison->Check(static_cast<double>(actual[i * classes + k]), expected(i, k), allowed, name,
                        i, k);
    }
  }
}

template <typename T>
void CheckReduced(const oracle::Answer& expected, const Result& actual, double order,
                  Comparison* comparison) {
  double magnitude = 0;
  for (const double value : expected.losses_magnitude) magnitude += std::abs(value);
  const double allowed = Tolerance<T>(order, 0) * magnitude + kTiny<T>;
  comparison->Check(actual.loss_sum, expected.loss_sum, allowed, "loss_sum", 0, 0);
  const double divisor = expected.loss == 0 ? 1 : std::abs(expected.loss_sum / expected.loss);
  comparison->Check(actual.loss, expected.loss, allowed / divisor, "loss", 0, 0);
  comparison->Check(actual.weight_sum, expected.weight_sum, 1e-13 * std::abs(expected.weight_sum),
                    "weight_sum", 0, 0);
  EXPECT_EQ(actual.valid_count, expected.valid_count);
  EXPECT_EQ(actual.non_finite_count, expected.non_finite_count);
  ASSERT_EQ(actual.class_weights.size(), expected.class_weights.size());
  for (size_t k = 0; k < expected.class_weights.size(); ++k) {
    comparison->Check(actual.class_weights[k], expected.class_weights[k],
                      1e-13 * expected.class_weights[k] + 1e-300, "class_weights", 0, k);
  }
}

}  // namespace

double Order(const oracle::Problem& problem) {
  const oracle::Parameters& p = problem.parameters;
  switch (problem.form) {
    case oracle::Form::kFocal:
    case oracle::Form::kVarifocal:
    case oracle::Form::kFocalStar:
      return 1 + p.gamma;
    case oracle::Form::kAsymmetric:
      return 1 + std::max(p.gamma_positive, p.gamma_negative);
    case oracle::Form::kQualityFocal:
      return 1 + p.beta;
    case oracle::Form::kSquaredError:
    case oracle::Form::kSquaredMargin:
      return 2;
    case oracle::Form::kPoly1:
      return p.epsilon == -1 ? 2 : 1;
    default:
      return 1;
  }
}

template <typename T>
void ExpectAgrees(const oracle::Problem& problem, const oracle::Answer& expected,
                  const Computed<T>& actual, Worst* worst) {
  const std::string what = absl::StrCat(kIsFloat<T> ? "float32 " : "float64 ", Describe(problem));
  const double order = Order(problem);
  const bool is_free = IsCancellationFree(problem);
  // The reduction and the upstream gradient scale entries and their errors alike.
  double factor = std::abs(problem.gradient_scale);
  if (problem.normalizer) factor /= *problem.normalizer;

  Comparison comparison(what);
  CheckLosses<T>(problem, expected, actual, &comparison);
  CheckMatrix<T>(problem, {order, factor}, "gradient", expected.gradient,
                 is_free ? expected.gradient : expected.gradient_magnitude, actual.gradient,
                 &comparison);
  // The digits that a p below the smallest normal number loses come back times γ (γ + 1) log p,
  // with log p up to 90 there.
  CheckMatrix<T>(problem, {order + 1, 1, 10 * order * order, FloorTolerance<T>(problem)},
                 "hessian_diagonal", expected.hessian_diagonal, expected.hessian_magnitude,
                 actual.hessian_diagonal, &comparison);
  CheckMatrix<T>(problem, {}, "probabilities", expected.probabilities, expected.probabilities,
                 actual.probabilities, &comparison);
  for (size_t i = 0; i < expected.log_sum_exp.size(); ++i) {
    const double largest =
        *std::max_element(&problem.logits(i, 0), &problem.logits(i, 0) + problem.classes());
    const double scale = std::abs(largest) + std::abs(expected.log_sum_exp[i]) + 1;
    comparison.Check(static_cast<double>(actual.log_sum_exp[i]), expected.log_sum_exp[i],
                     4 * kEpsilon<T> * scale, "log_sum_exp", i, 0);
  }
  CheckReduced<T>(expected, actual.result, order, &comparison);
  comparison.Finish(worst);
}

template <typename T>
void ExpectAgrees(const oracle::Problem& problem, Worst* worst) {
  ExpectAgrees<T>(problem, oracle::Evaluate(problem), ComputeProblem<T>(problem), worst);
}

void ExpectAgreesInBothTypes(const oracle::Problem& problem, Worst* worst) {
  const oracle::Answer expected = oracle::Evaluate(problem);
  ExpectAgrees<double>(problem, expected, ComputeProblem<double>(problem), worst);
  const auto is_float = [](const auto& matrix) {
    return std::all_of(matrix.begin(), matrix.end(), [](double value) {
      return std::isnan(value) || static_cast<double>(static_cast<float>(value)) == value;
    });
  };
  if (is_float(problem.logits) && (!problem.targets || is_float(*problem.targets)) &&
      (!problem.teacher_logits || is_float(*problem.teacher_logits))) {
    ExpectAgrees<float>(problem, expected, ComputeProblem<float>(problem), worst);
  }
}

template <typename T>
void ExpectStatisticsAgree(const oracle::Problem& problem) {
  SCOPED_TRACE(absl::StrCat(kIsFloat<T> ? "float32 " : "float64 ", Describe(problem)));
  using ::testing::ContainerEq;
  const oracle::Answer expected = oracle::Evaluate(problem);
  const Result actual = ComputeProblem<T>(problem).result;
  const double tolerance = kIsFloat<T> ? 1e-5 : 1e-12;
  const auto expect_near = [&](const auto& values, const auto& references, double scale,
                               const char* name) {
    ASSERT_EQ(values.size(), references.size()) << name;
    for (size_t k = 0; k < values.size(); ++k) {
      EXPECT_NEAR(values[k], references[k], tolerance * scale) << name << "[" << k << "]";
    }
  };

  ASSERT_TRUE(actual.class_statistics.has_value());
  const ClassStatistics& columns = *actual.class_statistics;
  const oracle::ClassColumns& table = expected.class_statistics;
  EXPECT_THAT(columns.count, ContainerEq(table.count));
  EXPECT_THAT(columns.correct_count, ContainerEq(table.correct_count));
  EXPECT_THAT(columns.predicted_count, ContainerEq(table.predicted_count));
  EXPECT_THAT(columns.empty_classes, ContainerEq(table.empty_classes));
  expect_near(columns.frequency, table.frequency, 1, "frequency");
  expect_near(columns.weight, table.weight, 1, "weight");
  expect_near(columns.loss_sum, table.loss_sum, std::max(1.0, expected.loss_sum), "loss_sum");
  expect_near(columns.loss_share, table.loss_share, 1, "loss_share");
  expect_near(columns.gradient_share, table.gradient_share, 1, "gradient_share");
  expect_near(columns.mean_true_probability, table.mean_true_probability, 1,
              "mean_true_probability");

  ASSERT_TRUE(actual.difficulty.has_value());
  const Difficulty& difficulty = *actual.difficulty;
  for (size_t edge = 0; edge <= kDifficultyBins; ++edge) {
    EXPECT_NEAR(difficulty.bin_edges[edge], 0.1 * static_cast<double>(edge), 1e-15);
  }
  EXPECT_THAT(difficulty.count, ContainerEq(expected.difficulty.count));
  expect_near(difficulty.loss_share, expected.difficulty.loss_share, 1, "loss_share");
  expect_near(difficulty.gradient_share, expected.difficulty.gradient_share, 1, "gradient_share");
  EXPECT_EQ(difficulty.hard_threshold, problem.hard_threshold);
  EXPECT_EQ(difficulty.hard_count, expected.difficulty.hard_count);
  EXPECT_NEAR(difficulty.hard_loss_share, expected.difficulty.hard_loss_share, tolerance);
  EXPECT_NEAR(difficulty.hard_gradient_share, expected.difficulty.hard_gradient_share, tolerance);
  EXPECT_NEAR(difficulty.mean_true_probability, expected.difficulty.mean_true_probability,
              tolerance);
  EXPECT_THAT(actual.top_k_correct, ContainerEq(expected.top_k_correct));
  EXPECT_EQ(actual.vanishing_count, expected.vanishing_count);
}

void RoundToFloat(oracle::Problem* problem) {
  for (double& z : problem->logits) z = static_cast<float>(z);
  for (auto* targets : {&problem->targets, &problem->teacher_logits}) {
    if (!*targets) continue;
    for (double& t : **targets) t = static_cast<float>(t);
  }
}

template void ExpectAgrees<float>(const oracle::Problem&, const oracle::Answer&,
                                  const Computed<float>&, Worst*);
template void ExpectAgrees<double>(const oracle::Problem&, const oracle::Answer&,
                                   const Computed<double>&, Worst*);
template void ExpectAgrees<float>(const oracle::Problem&, Worst*);
template void ExpectAgrees<double>(const oracle::Problem&, Worst*);
template void ExpectStatisticsAgree<float>(const oracle::Problem&);
template void ExpectStatisticsAgree<double>(const oracle::Problem&);

}  // namespace lossd::loss
