// Policy losses through the C++ client against the program: what packages give for one batch, and
// chunks, which keep sequences whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "lossd/client.h"
#include "lossd/error.h"
#include "tests/integration/client_program.h"

namespace lossd {
namespace {

class ClientPolicyTest : public ClientProgramTest {};

constexpr double kDigits = 1e-12;  // of the numbers below

// The batch that proto/POLICY_LOSSES.md shows, and what trl 1.16.0 gives for it.
struct Batch {
  xt::xarray<double> u = {{-0.5, -1.5, -2, -0.1}, {-3, -0.7, -0.2, -1.5}, {-0.3, -2.6, -1, -4}};
  xt::xarray<double> old = {{-0.7, -1, -2.5, -0.1}, {-1.5, -2, -0.4, -1.6}, {-0.4, -2.4, -2.5, -3}};
  xt::xarray<double> mask = {{1, 1, 1, 1}, {1, 1, 1, 0}, {1, 1, 0, 0}};
  xt::xarray<double> advantages = {1, -0.5, 2};

  ComputeOptions Options(Reduction reduction) const {
    ComputeOptions options;
    options.reduction = reduction;
    options.sample_weights = mask;
    options.rollout.advantages = advantages;
    options.rollout.old_log_probs = old;
    options.outputs.gradient = true;
    options.outputs.policy_statistics = true;
    return options;
  }
};

TEST_F(ClientPolicyTest, GivesThePackagesNumbers) {
  const Batch batch;
  LossSpec loss{Ppo{}, Activation::kLogProbability};
  const auto token_mean =
      client_->Compute(batch.u, kNoLabels, loss, batch.Options(Reduction::kMean));
  ASSERT_TRUE(token_mean.ok()) << token_mean.status();
  EXPECT_NEAR(token_mean->loss, -0.556553809903, kDigits);
  EXPECT_NEAR((*token_mean->gradient)(0, 1), -0.067392295524, kDigits);
  EXPECT_EQ(token_mean->policy_statistics.value().clipped_high_count, 2);
  EXPECT_EQ(token_mean->policy_statistics->clipped_low_count, 1);
  EXPECT_NEAR(token_mean->policy_statistics->ratio_mean.value(), 1.279376216183823, 1e-14);

  loss.ratio.level = RatioLevel::kSequence;
  const auto gspo =
      client_->Compute(batch.u, kNoLabels, loss, batch.Options(Reduction::kSequenceMean));
  ASSERT_TRUE(gspo.ok()) << gspo.status();
  EXPECT_NEAR(gspo->loss, -0.817909981792, kDigits);
  EXPECT_EQ(gspo->sequence_count, 3);
}

// Distillation: chunks have the bits of one call.
TEST_F(ClientPolicyTest, TakesATeachersLogitsInPlaceOfLabels) {
  const xt::xarray<double> student = {{2, 0.5, -1}, {0, 1, 0.5}};
  const xt::xarray<double> teacher = {{1, 1, 0}, {2, -1, 0}};
  ComputeOptions options;
  options.teacher_logits = teacher;
  options.outputs.gradient = true;
  options.outputs.applied = true;
  options.reduction = Reduction::kMean;
  LossSpec loss{JensenShannon{0.1}};
  const auto whole = client_->Compute(student, kNoLabels, loss, options);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_NEAR(whole->loss, 0.120693798095 / 2, kDigits);
  EXPECT_EQ(whole->applied.value().loss.teacher.temperature, 1.0);
  ChunkOptions chunks;
  chunks.chunk_bytes = 1;
  const auto parts = client_->ComputeChunked(student, kNoLabels, loss, options, chunks);
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_EQ(*parts->gradient, *whole->gradient);
  EXPECT_NEAR(parts->loss, whole->loss, 1e-16);

  loss.temperature = 2.0;
  CompareOptions comparison;
  comparison.teacher_logits = teacher;
  const auto compared = client_->Compare(
      student, kNoLabels, {LossSpec{JensenShannon{}}, LossSpec{KlDivergence{}}}, comparison);
  ASSERT_TRUE(compared.ok()) << compared.status();
  EXPECT_NEAR(compared->comparisons[0].loss, 0.325066473735, kDigits);
  EXPECT_NEAR(compared->comparisons[1].loss, 1.380414885058, kDigits);

  const xt::xarray<double> nothing = {{1, 1, 0}, {-INFINITY, -INFINITY, -INFINITY}};
  options.teacher_logits = nothing;
  const auto refused = client_->ComputeChunked(student, kNoLabels, loss, options, chunks);
  EXPECT_THAT(std::string(refused.status().message()),
              ::testing::HasSubstr("teacher_logits[1] is -inf for every class"));
}

TEST_F(ClientPolicyTest, ComparesLosses) {
  const Batch batch;
  const std::vector<LossSpec> losses = {LossSpec{Ppo{}, Activation::kLogProbability},
                                        LossSpec{Cispo{}, Activation::kLogProbability}};
  CompareOptions options;
  options.reduction = Reduction::kMean;
  options.sample_weights = batch.mask;
  options.rollout.advantages = batch.advantages;
  options.rollout.old_log_probs = batch.old;
  options.class_statistics = false;
  const auto result = client_->Compare(batch.u, kNoLabels, losses, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(result->comparisons[0].loss, -0.556553809903, kDigits);
  EXPECT_NEAR(result->comparisons[1].loss, 0.899705891911, kDigits);
  EXPECT_EQ(result->comparisons[0].policy_statistics.value().clipped_high_count, 2);
}

// Everything that reads sequences.
LossSpec OfSequences(Activation activation) {
  LossSpec loss{Ppo{0.2, 0.28, 3.0}, activation};
  loss.ratio.level = RatioLevel::kSequence;
  loss.kl_penalty = {0.04, KlEstimator::kK3, KlGradient::kReverseKl};
  loss.importance_weighting = {RatioLevel::kSequence, 0.9, 1.1};
  return loss;
}

template <typename T>
xt::xarray<T> Draw(const std::vector<size_t>& shape, std::mt19937& random) {
  std::normal_distribution<double> normal(0.0, 1.0);
  xt::xarray<T> values = xt::xarray<T>::from_shape(shape);
  for (T& value : values) value = static_cast<T>(-std::abs(normal(random)));
  return values;
}

// A batch of losses of one shape. `of_sequences` is the shape of one number for each sequence.
template <typename T>
struct Rolled {
  Rolled(const std::vector<size_t>& losses, const std::vector<size_t>& of_sequences)
      : old(Draw<T>(losses, random)),
        reference(Draw<double>(losses, random)),
        sampler(Draw<T>(losses, random)),
        weights(Draw<double>(losses, random)),
        token_advantages(Draw<T>(losses, random)),
        sequence_advantages(Draw<double>(of_sequences, random)) {
    for (double& weight : weights) weight = weight > -0.3 ? 0.0 : -weight;
    for (double& advantage : sequence_advantages)
      advantage = advantage < -0.7 ? -advantage : advantage;
  }

  ComputeOptions Options(Reduction reduction) const {
    ComputeOptions options;
    options.reduction = reduction;
    options.sample_weights = weights;
    options.rollout = {token_advantages, old, reference, sampler};
    options.outputs.gradient = true;
    options.outputs.policy_statistics = true;
    return options;
  }

  std::mt19937 random = std::mt19937(3);
  xt::xarray<T> old;
  xt::xarray<double> reference;
  xt::xarray<T> sampler;
  xt::xarray<double> weights;
  xt::xarray<T> token_advantages;
  xt::xarray<double> sequence_advantages;
};

template <typename T>
void ExpectSameBits(const std::optional<xt::xarray<T>>& a, const std::optional<xt::xarray<T>>& b) {
  ASSERT_TRUE(a.has_value());
  ASSERT_EQ(a->shape(), b.value().shape());
  EXPECT_EQ(std::memcmp(a->data(), b->data(), a->size() * sizeof(T)), 0);
}

void ExpectNear(const std::optional<double>& actual, const std::optional<double>& expected) {
  EXPECT_NEAR(actual.value(), expected.value(), 1e-12 * (1 + std::abs(expected.value())));
}

void ExpectSameStatistics(const PolicyStatistics& actual, const PolicyStatistics& expected) {
  EXPECT_EQ(actual.clipped_high_count, expected.clipped_high_count);
  EXPECT_EQ(actual.clipped_low_count, expected.clipped_low_count);
  EXPECT_EQ(actual.dual_clipped_count, expected.dual_clipped_count);
  EXPECT_EQ(actual.weight_high_count, expected.weight_high_count);
  EXPECT_EQ(actual.weight_low_count, expected.weight_low_count);
  EXPECT_EQ(actual.ratio_min, expected.ratio_min);
  EXPECT_EQ(actual.ratio_max, expected.ratio_max);
  ExpectNear(actual.ratio_mean, expected.ratio_mean);
  ExpectNear(actual.ratio_mean_square, expected.ratio_mean_square);
  ExpectNear(actual.effective_sample_size, expected.effective_sample_size);
  ExpectNear(actual.kl_k1, expected.kl_k1);
  ExpectNear(actual.kl_k3, expected.kl_k3);
  ExpectNear(actual.reference_kl_k1, expected.reference_kl_k1);
  ExpectNear(actual.reference_kl_k3, expected.reference_kl_k3);
}

template <typename T>
void ExpectChunksAddUp(const Client& client, const ArrayView<T>& u, const Labels& labels,
                       const ComputeOptions& options) {
  const LossSpec loss =
      OfSequences(std::holds_alternative<std::monostate>(labels) ? Activation::kLogProbability
                                                                 : Activation::kSoftmax);
  ChunkOptions chunks;
  chunks.chunk_bytes = 1000;
  const auto whole = client.Compute(u, labels, loss, options);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto chunked = client.ComputeChunked(u, labels, loss, options, chunks);
  ASSERT_TRUE(chunked.ok()) << chunked.status();
  ExpectSameBits(chunked->losses, whole->losses);
  ExpectSameBits(chunked->gradient, whole->gradient);
  EXPECT_EQ(chunked->sequence_count, whole->sequence_count);
  EXPECT_EQ(chunked->valid_count, whole->valid_count);
  ExpectNear(chunked->loss, whole->loss);
  double size = 0;
  for (const T value : *whole->losses) size += std::abs(static_cast<double>(value));
  EXPECT_NEAR(chunked->loss_sum, whole->loss_sum, 1e-14 * size);
  ExpectSameStatistics(chunked->policy_statistics.value(), whole->policy_statistics.value());
}

template <typename T>
void ExpectEveryReductionAddsUp(const Client& client, const ArrayView<T>& u, const Labels& labels,
                                const Rolled<T>& rolled, const SequenceLengths& lengths) {
  for (const Reduction reduction : {Reduction::kNone, Reduction::kMean, Reduction::kSequenceMean}) {
    SCOPED_TRACE(static_cast<int>(reduction));
    ComputeOptions options = rolled.Options(reduction);
    options.sequence_lengths = lengths;
    ExpectChunksAddUp<T>(client, u, labels, options);
    options.rollout.advantages = rolled.sequence_advantages;
    ExpectChunksAddUp<T>(client, u, labels, options);
  }
}

TEST_F(ClientPolicyTest, ChunksOfSequencesAddUp) {
  const Rolled<double> rolled({300, 9}, {300});
  std::mt19937 random(5);
  const auto u = Draw<double>({300, 9}, random);
  ExpectEveryReductionAddsUp<double>(*client_, u, kNoLabels, rolled, std::nullopt);
}

TEST_F(ClientPolicyTest, ChunksOfAPackedBatchKeepSequencesWhole) {
  std::vector<int64_t> lengths = {0, 1, 0, 300, 0};
  std::mt19937 random(7);
  int64_t samples = 301;
  for (int i = 0; i < 60; ++i) {
    lengths.push_back(static_cast<int64_t>(random() % 60));
    samples += lengths.back();
  }
  lengths.push_back(0);
  const auto n = static_cast<size_t>(samples);
  const ArrayView<int64_t> view(lengths, {static_cast<int64_t>(lengths.size())});
  const Rolled<float> rolled({n}, {lengths.size()});
  const auto u = Draw<float>({n}, random);
  ExpectEveryReductionAddsUp<float>(*client_, u, kNoLabels, rolled, view);
}

TEST_F(ClientPolicyTest, ChunksOfLogitsAddUp) {
  const Rolled<double> rolled({100, 9}, {100});
  std::mt19937 random(9);
  const auto logits = Draw<double>({100, 9, 5}, random);
  xt::xarray<int64_t> labels = xt::xarray<int64_t>::from_shape({100, 9});
  for (int64_t& label : labels) label = static_cast<int64_t>(random() % 5);
  ExpectEveryReductionAddsUp<double>(*client_, logits, labels, rolled, std::nullopt);
}

// Each of the small losses is less than half of what the large one rounds to.
TEST_F(ClientPolicyTest, ManyChunksAddUpToTheSumOfTheBatch) {
  constexpr double kSmall = 5e-14;
  std::vector<double> u(401, -kSmall);
  u[0] = -512;
  const ArrayView<double> view(u, {401});
  const LossSpec loss{CrossEntropy{}, Activation::kLogProbability};
  ChunkOptions chunks;
  chunks.chunk_bytes = 1;
  const double sum = 512 + 400 * kSmall;
  for (const Reduction reduction : {Reduction::kSum, Reduction::kMean}) {
    ComputeOptions options;
    options.reduction = reduction;
    const auto whole = client_->Compute(view, kNoLabels, loss, options);
    ASSERT_TRUE(whole.ok()) << whole.status();
    const auto chunked = client_->ComputeChunked(view, kNoLabels, loss, options, chunks);
    ASSERT_TRUE(chunked.ok()) << chunked.status();
    EXPECT_NEAR(chunked->loss_sum, sum, 1e-14 * sum);
    EXPECT_NEAR(chunked->loss_sum, whole->loss_sum, 1e-14 * sum);
    EXPECT_NEAR(chunked->loss, whole->loss, 1e-14 * whole->loss);
  }
}

TEST_F(ClientPolicyTest, AnErrorOfAChunkIsThatOfTheBatch) {
  const std::vector<int64_t> lengths(40, 10);
  const std::vector<double> u(400, -1.0);
  std::vector<double> old(400, -1.0);
  std::vector<double> advantages(40, 1.0);
  ComputeOptions options;
  options.sequence_lengths = ArrayView<int64_t>(lengths, {40});
  options.rollout.old_log_probs = ArrayView<double>(old, {400});
  options.rollout.advantages = ArrayView<double>(advantages, {40});
  const LossSpec loss{Ppo{}, Activation::kLogProbability};
  ChunkOptions chunks;
  chunks.chunk_bytes = 400;
  const auto refusal = [&] {
    return client_->ComputeChunked(ArrayView<double>(u, {400}), kNoLabels, loss, options, chunks)
        .status();
  };
  old[317] = std::nan("");
  EXPECT_EQ(FieldViolations(refusal())[0].field, "rollout.old_log_probs[317]");
  old[317] = -1.0;
  advantages[31] = std::nan("");
  EXPECT_EQ(FieldViolations(refusal())[0].field, "rollout.advantages[31]");
}

TEST_F(ClientPolicyTest, ASequenceThatIsLargerThanAMessageIsRefused) {
  const std::vector<int64_t> lengths = {10, 390};
  const std::vector<double> u(400, -1.0);
  const ArrayView<double> view(u, {400});
  ComputeOptions options;
  options.reduction = Reduction::kSequenceMean;
  options.sequence_lengths = ArrayView<int64_t>(lengths, {2});
  ChunkOptions chunks;
  chunks.chunk_bytes = 400;
  ClientOptions narrow;
  narrow.target = address_;
  narrow.max_message_bytes = 2000;
  const auto client = Client::Create(narrow);
  ASSERT_TRUE(client.ok()) << client.status();
  const absl::Status status =
      client
          ->ComputeChunked(view, kNoLabels, {CrossEntropy{}, Activation::kLogProbability}, options,
                           chunks)
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace lossd
