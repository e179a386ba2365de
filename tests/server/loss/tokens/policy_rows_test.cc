#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/loss/compare.h"
#include "tests/server/loss/tokens/policy_batches.h"

namespace lossd::loss::policy_rows {
namespace {

constexpr int64_t kRows = 3000;

template <typename T>
std::vector<T> LogP(const Batch& batch, const LossSpec& spec) {
  LossSpec inner = SpecOf("cross_entropy");
  inner.temperature = spec.temperature;
  inner.softcap = spec.softcap;
  Batch bare = batch;
  bare.sample_weights = {};
  bare.rollout = {};
  std::vector<T> u = ComputeBatch<T>(bare, inner, {}).losses;
  for (T& x : u) x = -x;
  return u;
}

// Losses of logits are those of the log-probabilities that cross entropy gives, in many blocks and
// by way of every kind of kernel, and gradients go back by cross entropy's.
template <typename T>
void ExpectChainRule(LossSpec spec, int64_t classes, double tolerance) {
  const Rows<T> rows(kRows, classes);
  const ComputeOptions options = MeanOf(Reduction::kSequenceMean);
  const Computed<T> of_z = ComputeBatch<T>(rows.batch, spec, options, 2);
  const std::vector<T> u = LogP<T>(rows.batch, spec);
  Batch tokens = rows.batch;
  tokens.logits = absl::MakeConstSpan(u);
  tokens.classes = 1;
  tokens.labels = ClassIds{};
  LossSpec of_tokens = spec;
  of_tokens.activation = Activation::kLogProbability;
  of_tokens.temperature = 1;
  of_tokens.softcap = 0;
  const Computed<T> of_u = ComputeBatch<T>(tokens, of_tokens, options);
  EXPECT_EQ(of_z.losses, of_u.losses);
  EXPECT_EQ(of_z.result.loss, of_u.result.loss);
  EXPECT_EQ(of_z.result.sequence_count, kRows / 10);
  EXPECT_EQ(of_z.result.policy_statistics->clipped_high_count,
            of_u.result.policy_statistics->clipped_high_count);
  LossSpec inner = SpecOf("cross_entropy");
  inner.temperature = spec.temperature;
  inner.softcap = spec.softcap;
  Batch bare = rows.batch;
  bare.sample_weights = {};
  bare.rollout = {};
  const Computed<T> cross_entropy = ComputeBatch<T>(bare, inner, {});
  for (size_t i = 0; i < of_z.gradient.size(); ++i) {
    const size_t row = i / static_cast<size_t>(classes);
    const double slope = of_u.gradient[row];
    const double g = cross_entropy.gradient[i];
    const double h = of_u.hessian[row] * g * g - slope * cross_entropy.hessian[i];
    const double scale = std::abs(slope) + std::abs(static_cast<double>(of_u.hessian[row]));
    ASSERT_NEAR(of_z.gradient[i], -slope * g, tolerance * scale) << i;
    ASSERT_NEAR(of_z.hessian[i], h, 2 * tolerance * scale) << i;
  }
}

TEST(PolicyRows, FollowTheChainRule) {
  for (const char* form : {"ppo", "sapo", "dro", "cispo", "focal"}) {
    SCOPED_TRACE(form);
    ExpectChainRule<double>(SpecOf(form), 7, 1e-14);
    ExpectChainRule<float>(SpecOf(form), 7, 1e-6);
  }
  LossSpec shaped = SpecOf("ppo");
  shaped.temperature = 1.7;
  shaped.policy.kl_penalty = KlPenalty{0.3};
  ExpectChainRule<double>(shaped, 33, 1e-14);
  ExpectChainRule<float>(shaped, 33, 1e-6);
  shaped.softcap = 5;
  ExpectChainRule<double>(shaped, 33, 1e-14);
  ExpectChainRule<float>(shaped, 33, 1e-6);
}

TEST(PolicyRows, OfSequenceRatiosFollowTheChainRule) {
  LossSpec spec = SpecOf("importance_sampling");
  spec.policy.ratio.level = RatioLevel::kSequence;
  ExpectChainRule<double>(spec, 7, 1e-14);
  ExpectChainRule<float>(spec, 7, 1e-6);
}

// Classes that are not the last axis give the bits of those that are.
TEST(PolicyRows, AreTheSameWhereverTheClassesLie) {
  constexpr int64_t kClasses = 5;
  constexpr int64_t kInner = 100;
  const Rows<float> rows(kRows, kClasses);
  Rows<float> moved(kRows, kClasses);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t k = 0; k < kClasses; ++k) {
      const int64_t to = (row / kInner * kClasses + k) * kInner + row % kInner;
      moved.logits[static_cast<size_t>(to)] = rows.logits[static_cast<size_t>(row * kClasses + k)];
    }
  }
  moved.batch.inner = kInner;
  const ComputeOptions options = MeanOf(Reduction::kMean);
  const auto last = ComputeBatch<float>(rows.batch, SpecOf("sapo"), options);
  const auto other = ComputeBatch<float>(moved.batch, SpecOf("sapo"), options);
  EXPECT_EQ(last.losses, other.losses);
  EXPECT_EQ(last.result.loss, other.result.loss);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t k = 0; k < kClasses; ++k) {
      const auto at = static_cast<size_t>((row / kInner * kClasses + k) * kInner + row % kInner);
      const auto in_row = static_cast<size_t>(row * kClasses + k);
      ASSERT_EQ(other.gradient[at], last.gradient[in_row]);
      ASSERT_EQ(other.hessian[at], last.hessian[in_row]);
    }
  }
}

TEST(PolicyRows, HaveTheSameBitsInPartsAndOnAnyNumberOfThreads) {
  const Rows<float> rows(kRows, 7);
  ComputeOptions options = MeanOf(Reduction::kMean);
  options.normalizer = 1234;
  const LossSpec spec = SpecOf("ppo");
  const auto whole = ComputeBatch<float>(rows.batch, spec, options);
  const auto on_two = ComputeBatch<float>(rows.batch, spec, options, 2);
  EXPECT_EQ(whole.gradient, on_two.gradient);
  EXPECT_EQ(whole.result.loss, on_two.result.loss);
  EXPECT_EQ(whole.result.policy_statistics->kl->k3, on_two.result.policy_statistics->kl->k3);
  double sum = 0;
  for (int64_t begin = 0; begin < kRows; begin += 777) {
    const auto first = static_cast<size_t>(begin);
    const auto count = static_cast<size_t>(std::min<int64_t>(777, kRows - begin));
    Batch part = rows.batch;
    part.rows = static_cast<int64_t>(count);
    part.logits = absl::MakeConstSpan(rows.logits).subspan(7 * first, 7 * count);
    part.labels = ClassIds{absl::MakeConstSpan(rows.ids).subspan(first, count)};
    part.sample_weights = {absl::MakeConstSpan(rows.weights).subspan(first, count), 1};
    part.rollout.advantages = absl::MakeConstSpan(rows.advantages).subspan(first, count);
    part.rollout.old_log_probs = absl::MakeConstSpan(rows.old).subspan(first, count);
    part.rollout.reference_log_probs = absl::MakeConstSpan(rows.reference).subspan(first, count);
    const auto computed = ComputeBatch<float>(part, spec, options);
    sum += computed.result.loss_sum;
    EXPECT_TRUE(std::equal(computed.gradient.begin(), computed.gradient.end(),
                           whole.gradient.begin() + 7 * static_cast<std::ptrdiff_t>(first)));
    EXPECT_TRUE(std::equal(computed.hessian.begin(), computed.hessian.end(),
                           whole.hessian.begin() + 7 * static_cast<std::ptrdiff_t>(first)));
  }
  EXPECT_NEAR(sum, whole.result.loss_sum, 1e-14 * std::abs(sum) + 1e-12);
}

// Expects the derivative of one row, and the second, to be those of double, rounded.
void ExpectRowOfDouble(const Computed<float>& actual, const Computed<double>& expected, size_t row,
                       size_t classes) {
  for (size_t i = row * classes; i < (row + 1) * classes; ++i) {
    const auto near = [&](float a, double b) {
      if (std::isinf(static_cast<float>(b))) {
        EXPECT_EQ(a, static_cast<float>(b)) << row << ", " << i;
      } else {
        EXPECT_NEAR(a, b, 2e-5 * std::abs(b) + 1e-37) << row << ", " << i;
      }
    };
    near(actual.gradient[i], expected.gradient[i]);
    near(actual.hessian[i], expected.hessian[i]);
  }
}

// A ratio of e^100 has no room in float, what it makes of a small probability has; other rows have
// the bits that they have alone.
TEST(PolicyRows, OfSlopesBeyondFloatAreThoseOfDouble) {
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    const int64_t classes = activation == Activation::kSoftmax ? 4 : 1;
    Rows<float> rows(400, classes);
    LossSpec spec = SpecOf("importance_sampling");
    spec.activation = activation;
    const Rows<float> usual(400, classes);
    for (const size_t row : {size_t{7}, size_t{8}, size_t{256}, size_t{399}}) {
      rows.old[row] = row == 8 ? 100 : -100;
      rows.advantages[row] = -1.5F;
      if (classes > 1) rows.logits[4 * row + (row + 1) % 4] = -95;
    }
    Rows<double> wide(400, classes);
    wide.logits.assign(rows.logits.begin(), rows.logits.end());
    wide.old.assign(rows.old.begin(), rows.old.end());
    wide.advantages.assign(rows.advantages.begin(), rows.advantages.end());
    std::vector<int64_t> ones(400, 1);
    for (Batch* batch : {&rows.batch, &wide.batch}) {
      batch->sequences = {};
      if (classes == 1) batch->labels = BinaryLabels{ones};
    }
    Batch alone = usual.batch;
    alone.sequences = {};
    if (classes == 1) alone.labels = BinaryLabels{ones};
    const ComputeOptions options = MeanOf(Reduction::kNone);
    const auto actual = ComputeBatch<float>(rows.batch, spec, options);
    const auto expected = ComputeBatch<double>(wide.batch, spec, options);
    const auto others = ComputeBatch<float>(alone, spec, options);
    const auto n = static_cast<size_t>(classes);
    for (size_t row = 0; row < 400; ++row) {
      if (rows.old[row] == usual.old[row]) {
        EXPECT_EQ(actual.gradient[n * row], others.gradient[n * row]) << row;
        EXPECT_EQ(actual.hessian[n * row], others.hessian[n * row]) << row;
      } else {
        ExpectRowOfDouble(actual, expected, row, n);
      }
    }
  }
}

TEST(PolicyRows, CountWhatIsHardByTheFormsGradient) {
  const Rows<double> rows(40, 3);
  ComputeOptions options;
  options.class_statistics = true;
  options.difficulty = true;
  options.vanishing = true;
  const auto computed = ComputeBatch<double>(rows.batch, SpecOf("importance_sampling"), options);
  // Σ_j |g_j| of a row is 2 |φ′| (1 − p_t), without the sample's weight.
  std::vector<double> shares(3);
  double total = 0;
  for (size_t row = 0; row < 40; ++row) {
    if (rows.weights[row] == 0) continue;
    double l1 = 0;
    for (size_t k = 0; k < 3; ++k) l1 += std::abs(computed.gradient[3 * row + k]);
    l1 /= rows.weights[row];
    shares[row % 3] += l1;
    total += l1;
  }
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(computed.result.class_statistics->gradient_share[k], shares[k] / total, 1e-14);
  }
  EXPECT_EQ(computed.result.difficulty->mean_true_probability > 0, true);
}

TEST(PolicyRows, AreMinedByTheirLosses) {
  const Rows<double> rows(40, 3);
  LossSpec spec = SpecOf("importance_sampling");
  HardestMining hardest;
  hardest.keep_count = 10;
  spec.mining = hardest;
  const auto computed = ComputeBatch<double>(rows.batch, spec, MeanOf(Reduction::kMean));
  EXPECT_EQ(computed.result.valid_count, 10);
  const auto all =
      ComputeBatch<double>(rows.batch, SpecOf("importance_sampling"), MeanOf(Reduction::kMean));
  std::vector<double> sorted = all.losses;
  std::sort(sorted.rbegin(), sorted.rend());
  double sum = 0;
  for (size_t i = 0; i < 10; ++i) sum += sorted[i];
  EXPECT_NEAR(computed.result.loss_sum, sum, 1e-13);
}

TEST(PolicyRows, AreComparedByOneRollout) {
  const Rows<double> rows(40, 3);
  const LossSpec ppo = SpecOf("ppo");
  const LossSpec cispo = SpecOf("cispo");
  const LossSpec* const specs[] = {&ppo, &cispo};
  const Executor executor(1);
  const auto compared = Compare(rows.batch, specs, MeanOf(Reduction::kMean), executor);
  ASSERT_TRUE(compared.ok());
  for (size_t i = 0; i < 2; ++i) {
    const auto alone = ComputeBatch<double>(rows.batch, *specs[i], MeanOf(Reduction::kMean));
    EXPECT_EQ((*compared)[i].result.loss, alone.result.loss);
    double squares = 0;
    for (const double g : alone.gradient) squares += g * g;
    EXPECT_NEAR((*compared)[i].gradient_norm, std::sqrt(squares), 1e-14);
  }
}

}  // namespace
}  // namespace lossd::loss::policy_rows
