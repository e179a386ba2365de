// What the program says it computed, through the C++ client, whose defaults are written down a
// second time in its headers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lossd/client.h"
#include "tests/integration/client_program.h"

namespace lossd {
namespace {

using ::testing::ElementsAreArray;

class ClientAppliedTest : public ClientProgramTest {};

ComputeOptions WithApplied() {
  ComputeOptions options;
  options.outputs.applied = true;
  return options;
}

// A form, and its parameters in the order of their numbers.
struct Parameters {
  using Values = std::vector<double>;

  template <typename Form>
  Values operator()(const Form&) const {
    return {};
  }
  Values operator()(const Focal& form) const { return {form.gamma}; }
  Values operator()(const Poly1& form) const { return {form.epsilon}; }
  Values operator()(const GeneralizedCrossEntropy& form) const { return {form.q}; }
  Values operator()(const SymmetricCrossEntropy& form) const {
    return {form.alpha, form.beta, form.log_zero};
  }
  Values operator()(const Asymmetric& form) const {
    return {form.gamma_positive, form.gamma_negative, form.margin};
  }
  Values operator()(const QualityFocal& form) const { return {form.beta}; }
  Values operator()(const Varifocal& form) const { return {form.alpha, form.gamma}; }
  Values operator()(const FocalStar& form) const { return {form.gamma, form.beta}; }
  Values operator()(const JensenShannon& form) const { return {form.beta}; }
  Values operator()(const Hinge& form) const { return {form.margin}; }
  Values operator()(const SquaredMargin& form) const { return {form.target}; }
  Values operator()(const Ppo& form) const { return {form.epsilon_low, form.epsilon_high}; }
  Values operator()(const Cispo& form) const { return {form.minimum_ratio, form.maximum_ratio}; }
  Values operator()(const Dro& form) const { return {form.beta}; }
  Values operator()(const Sapo& form) const { return {form.tau_positive, form.tau_negative}; }
  Values operator()(const Dppo& form) const { return {form.threshold_low, form.threshold_high}; }
};

// Returns each form of the client with its defaults, in the order of LossForm, which is that of the
// catalogue.
template <size_t... kIndex>
std::vector<LossForm> FormsOf(std::index_sequence<kIndex...> /*all*/) {
  return {LossForm(std::in_place_index<kIndex>)...};
}

// Returns the defaults of the parameters that have one.
std::vector<double> ListedDefaults(const LossInfo& info) {
  std::vector<double> listed;
  for (const LossParameter& parameter : info.parameters) {
    if (parameter.default_value) listed.push_back(*parameter.default_value);
  }
  return listed;
}

// Returns whether the form is one of a ratio, which takes log-probabilities alone here.
bool IsOfRatio(const LossForm& form) {
  return form.index() >= LossForm(ImportanceSampling{}).index() &&
         form.index() <= LossForm(Dppo{}).index();
}

TEST_F(ClientAppliedTest, DefaultsOfTheClientAreThoseOfTheServer) {
  const auto catalogue = client_->ListLosses();
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  const auto forms = FormsOf(std::make_index_sequence<std::variant_size_v<LossForm>>());
  ASSERT_EQ(catalogue->size(), forms.size());
  const xt::xarray<double> logits = {{-2.0, -1.0}, {-0.5, -1.0}};
  const xt::xarray<double> targets = {{0.875, 0.125}, {0.25, 0.75}};
  for (size_t i = 0; i < forms.size(); ++i) {
    SCOPED_TRACE((*catalogue)[i].name);
    const std::vector<double> listed = ListedDefaults((*catalogue)[i]);
    EXPECT_THAT(std::visit(Parameters(), forms[i]), ElementsAreArray(listed));

    ComputeOptions options = WithApplied();
    const bool softmax = std::holds_alternative<ReverseKlDivergence>(forms[i]);
    LossSpec loss{forms[i], softmax ? Activation::kSoftmax : Activation::kSigmoid};
    if (IsOfRatio(forms[i])) {
      loss.activation = Activation::kLogProbability;
      options.rollout.advantages = targets;
      options.rollout.old_log_probs = logits;
    }
    const auto result =
        client_->Compute(logits, IsOfRatio(forms[i]) ? kNoLabels : Labels(targets), loss, options);
    ASSERT_TRUE(result.ok()) << result.status();
    const LossSpec& applied = result->applied.value().loss;
    EXPECT_EQ(applied.form.index(), i);
    EXPECT_THAT(std::visit(Parameters(), applied.form), ElementsAreArray(listed));
    EXPECT_EQ(applied.activation, loss.activation);
    EXPECT_EQ(applied.temperature, LossSpec().temperature);
    EXPECT_EQ(result->applied->reduction, Reduction::kNone);
  }
}

TEST_F(ClientAppliedTest, DefaultsAroundARatioAreThoseOfTheServer) {
  const xt::xarray<double> u = {{-2.0, -1.0}, {-0.5, -1.0}};
  LossSpec loss{Ppo{}, Activation::kLogProbability};
  loss.kl_penalty = {0.25};
  loss.importance_weighting = ImportanceWeighting{};
  ComputeOptions options = WithApplied();
  options.rollout = {u, u, u, u};
  const auto result = client_->Compute(u, kNoLabels, loss, options);
  ASSERT_TRUE(result.ok()) << result.status();
  const LossSpec& applied = result->applied.value().loss;
  EXPECT_FALSE(std::get<Ppo>(applied.form).dual_clip);
  EXPECT_EQ(applied.ratio.level, RatioLevel::kToken);
  EXPECT_FALSE(applied.ratio.log_ratio_cap);
  EXPECT_EQ(applied.kl_penalty.value().coefficient, 0.25);
  EXPECT_EQ(applied.kl_penalty->estimator, KlEstimator::kK3);
  EXPECT_EQ(applied.kl_penalty->gradient, KlGradient::kEstimator);
  EXPECT_EQ(applied.importance_weighting.value().minimum, 0.0);
  EXPECT_EQ(applied.importance_weighting->maximum, 2.0);
  EXPECT_EQ(applied.importance_weighting->mode, ImportanceWeightingMode::kClamp);
}

TEST_F(ClientAppliedTest, ComesWhenItIsAskedFor) {
  const xt::xarray<float> logits = {{2.0F, 1.0F, 0.0F}};
  const xt::xarray<int64_t> labels = {1};
  const auto without = client_->Compute(logits, labels);
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_FALSE(without->applied);

  auto stream = client_->OpenStream<float>();
  ASSERT_TRUE(stream.ok()) << stream.status();
  LossSpec loss{Focal{}};
  loss.class_weighting.source = SchemeWeights{WeightScheme::kEffectiveNumber};
  ComputeOptions options = WithApplied();
  options.reduction = Reduction::kMean;
  ASSERT_TRUE(stream->Send(logits, labels, loss, options).ok());
  ASSERT_TRUE(stream->Send(logits, labels, loss).ok());
  const auto first = stream->Receive();
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(first->applied);
  EXPECT_EQ(first->applied->reduction, Reduction::kMean);
  const auto& scheme = std::get<SchemeWeights>(first->applied->loss.class_weighting.source);
  EXPECT_EQ(scheme.beta, 0.9999);
  EXPECT_EQ(scheme.normalization, Normalization::kMeanOne);
  const auto second = stream->Receive();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->applied);
}

TEST_F(ClientAppliedTest, OfABatchInChunksIsThatOfEachChunk) {
  const xt::xarray<float> logits = {{2.0F, 1.0F}, {0.0F, 1.0F}, {-1.0F, 1.0F}};
  const xt::xarray<int64_t> labels = {1, 0, 1};
  ComputeOptions options = WithApplied();
  options.reduction = Reduction::kMeanValid;
  ChunkOptions chunks;
  chunks.chunk_bytes = 1;
  const auto result =
      client_->ComputeChunked(logits, labels, LossSpec{Poly1{0.5}}, options, chunks);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(result->applied);
  EXPECT_EQ(std::get<Poly1>(result->applied->loss.form).epsilon, 0.5);
  EXPECT_EQ(result->applied->reduction, Reduction::kMeanValid);
}

}  // namespace
}  // namespace lossd
