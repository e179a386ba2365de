#include "client/src/convert/request_encoding.h"

#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "lossd/v1/class_weights.pb.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/information.pb.h"

namespace lossd::client {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Holds when the message is the one of this text, field for field.
MATCHER_P(EqualsText, text, "") {
  typename std::decay<arg_type>::type expected;
  if (!google::protobuf::TextFormat::ParseFromString(text, &expected)) {
    *result_listener << "the expected text does not parse";
    return false;
  }
  google::protobuf::util::MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  const bool equal = differencer.Compare(expected, arg);
  *result_listener << difference;
  return equal;
}

// Returns the message that protobuf reads from the request's bytes.
template <typename Message>
Message Sent(const absl::StatusOr<MessagePieces>& request) {
  EXPECT_TRUE(request.ok()) << request.status();
  Loan loan;
  const grpc::ByteBuffer buffer = request->Lend(loan);
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(slice.begin(), slice.end());
  EXPECT_EQ(bytes.size(), request->size());
  Message message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

v1::ComputeRequest Encode(const LossSpec& loss, const ComputeOptions& options) {
  const xt::xarray<float> logits = {{1.0f, -2.0f}};
  const xt::xarray<int64_t> labels = {1};
  return Sent<v1::ComputeRequest>(EncodeCompute<float>(logits, labels, loss, options));
}

v1::LossSpec EncodeLoss(const LossSpec& loss) { return Encode(loss, {}).loss(); }

TEST(RequestEncodingTest, SendsArraysAsLittleEndianBytes) {
  EXPECT_THAT(
      Encode({}, {}), EqualsText(R"pb(
        loss {
          activation: ACTIVATION_SOFTMAX
          cross_entropy {}
        }
        logits {
          data_type: DATA_TYPE_FLOAT32
          shape: [ 1, 2 ]
          data: "\000\000\200\077\000\000\000\300"
        }
        labels { data_type: DATA_TYPE_INT64 shape: 1 data: "\001\000\000\000\000\000\000\000" }
        reduction: REDUCTION_NONE
        outputs {})pb"));
}

TEST(RequestEncodingTest, SendsTargetsInTheirOwnType) {
  const xt::xarray<float> logits = {{0.0f, 0.0f}};
  const xt::xarray<double> targets = {{0.25, 0.75}};
  const auto request = Sent<v1::ComputeRequest>(EncodeCompute<float>(logits, targets, {}, {}));
  EXPECT_EQ(request.logits().data_type(), v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(request.labels().data_type(), v1::DATA_TYPE_FLOAT64);
  double second = 0.0;
  ASSERT_EQ(request.labels().data().size(), 16U);
  std::memcpy(&second, request.labels().data().data() + 8, sizeof(second));
  EXPECT_EQ(second, 0.75);
}

TEST(RequestEncodingTest, SendsEveryForm) {
  const auto form = [](const LossForm& value) { return EncodeLoss(LossSpec{value}); };
  EXPECT_THAT(form(CrossEntropy{}), EqualsText("activation: ACTIVATION_SOFTMAX cross_entropy {}"));
  EXPECT_THAT(form(Focal{0.0}), EqualsText("activation: ACTIVATION_SOFTMAX focal { gamma: 0 }"));
  EXPECT_THAT(form(Focal{}), EqualsText("activation: ACTIVATION_SOFTMAX focal { gamma: 2 }"));
  EXPECT_THAT(form(SquaredError{}), EqualsText("activation: ACTIVATION_SOFTMAX squared_error {}"));
  EXPECT_THAT(form(KlDivergence{}), EqualsText("activation: ACTIVATION_SOFTMAX kl_divergence {}"));
  EXPECT_THAT(form(Poly1{-0.5}),
              EqualsText("activation: ACTIVATION_SOFTMAX poly1 { epsilon: -0.5 }"));
  EXPECT_THAT(form(GeneralizedCrossEntropy{}),
              EqualsText("activation: ACTIVATION_SOFTMAX generalized_cross_entropy { q: 0.7 }"));
  EXPECT_THAT(form(SymmetricCrossEntropy{}),
              EqualsText("activation: ACTIVATION_SOFTMAX "
                         "symmetric_cross_entropy { alpha: 0.1 beta: 1 log_zero: -4 }"));
  EXPECT_THAT(form(JensenShannon{}),
              EqualsText("activation: ACTIVATION_SOFTMAX jensen_shannon {}"));
  EXPECT_THAT(form(JensenShannon{0.25}),
              EqualsText("activation: ACTIVATION_SOFTMAX jensen_shannon { beta: 0.25 }"));
  EXPECT_THAT(form(ReverseKlDivergence{}),
              EqualsText("activation: ACTIVATION_SOFTMAX reverse_kl_divergence {}"));
}

TEST(RequestEncodingTest, SendsEverySigmoidForm) {
  const auto form = [](const LossForm& value) {
    return EncodeLoss(LossSpec{value, Activation::kSigmoid});
  };
  EXPECT_THAT(form(Focal{1.0, SoftTargetRule::kBlended}),
              EqualsText("activation: ACTIVATION_SIGMOID "
                         "focal { gamma: 1 soft_target_rule: SOFT_TARGET_RULE_BLENDED }"));
  EXPECT_THAT(form(Asymmetric{}),
              EqualsText("activation: ACTIVATION_SIGMOID "
                         "asymmetric { gamma_positive: 0 gamma_negative: 4 margin: 0.05 }"));
  EXPECT_THAT(form(Asymmetric{1.0, 2.0, 0.0, true}),
              EqualsText("activation: ACTIVATION_SIGMOID asymmetric { gamma_positive: 1 "
                         "gamma_negative: 2 margin: 0 detach_focusing: true }"));
  EXPECT_THAT(form(QualityFocal{}),
              EqualsText("activation: ACTIVATION_SIGMOID quality_focal { beta: 2 }"));
  EXPECT_THAT(form(Varifocal{}),
              EqualsText("activation: ACTIVATION_SIGMOID varifocal { alpha: 0.75 gamma: 2 }"));
  EXPECT_THAT(form(Hinge{}), EqualsText("activation: ACTIVATION_SIGMOID hinge { margin: 1 }"));
  EXPECT_THAT(form(SquaredMargin{5.0}),
              EqualsText("activation: ACTIVATION_SIGMOID squared_margin { target: 5 }"));
  EXPECT_THAT(form(FocalStar{}),
              EqualsText("activation: ACTIVATION_SIGMOID focal_star { gamma: 2 beta: 0 }"));
}

TEST(RequestEncodingTest, SendsEveryFormOfARatio) {
  const auto form = [](const LossForm& value) {
    return EncodeLoss(LossSpec{value, Activation::kLogProbability});
  };
  const std::string activation = "activation: ACTIVATION_LOG_PROBABILITY ";
  EXPECT_THAT(form(ImportanceSampling{}), EqualsText(activation + "importance_sampling {}"));
  EXPECT_THAT(form(Ppo{}), EqualsText(activation + "ppo { epsilon_low: 0.2 epsilon_high: 0.2 }"));
  EXPECT_THAT(form(Ppo{0.1, 0.28, 3.0}),
              EqualsText(activation + "ppo { epsilon_low: 0.1 epsilon_high: 0.28 dual_clip: 3 }"));
  EXPECT_THAT(form(Cispo{}),
              EqualsText(activation + "cispo { minimum_ratio: 0 maximum_ratio: 4 }"));
  EXPECT_THAT(form(Dro{}), EqualsText(activation + "dro { beta: 0.05 }"));
  EXPECT_THAT(form(Sapo{}), EqualsText(activation + "sapo { tau_positive: 1 tau_negative: 1.05 }"));
  EXPECT_THAT(form(Dppo{}),
              EqualsText(activation + "dppo { divergence: DPPO_DIVERGENCE_TOTAL_VARIATION "
                                      "threshold_low: 0.2 threshold_high: 0.2 }"));
  EXPECT_THAT(form(Dppo{DppoDivergence::kKl, 0.1, 0.3}),
              EqualsText(activation + "dppo { divergence: DPPO_DIVERGENCE_KL threshold_low: 0.1 "
                                      "threshold_high: 0.3 }"));
}

TEST(RequestEncodingTest, SendsWhatActsAroundARatio) {
  LossSpec loss;
  loss.ratio = {RatioLevel::kSequence, 20.0};
  loss.kl_penalty = {0.25};
  loss.importance_weighting = {RatioLevel::kSequence, 0.5, 5.0, ImportanceWeightingMode::kZero};
  EXPECT_THAT(EncodeLoss(loss),
              EqualsText(R"pb(activation: ACTIVATION_SOFTMAX
                              cross_entropy {}
                              ratio { level: RATIO_LEVEL_SEQUENCE log_ratio_cap: 20 }
                              kl_penalty {
                                coefficient: 0.25
                                estimator: KL_ESTIMATOR_K3
                                gradient: KL_GRADIENT_ESTIMATOR
                              }
                              importance_weighting {
                                level: RATIO_LEVEL_SEQUENCE
                                minimum: 0.5
                                maximum: 5
                                mode: IMPORTANCE_WEIGHTING_MODE_ZERO
                              })pb"));
}

constexpr char kRollout[] = R"pb(
  rollout {
    advantages { data_type: DATA_TYPE_FLOAT32 shape: 1 data: "\000\000\200\077" }
    old_log_probs {
      data_type: DATA_TYPE_FLOAT64
      shape: [ 1, 2 ]
      data: "\000\000\000\000\000\000\360\277\000\000\000\000\000\000\000\300"
    }
    sampler_log_probs {
      data_type: DATA_TYPE_FLOAT32
      shape: [ 1, 2 ]
      data: "\000\000\200\277\000\000\000\300"
    }
  }
  sequence_lengths { data_type: DATA_TYPE_INT64 shape: 1 data: "\002\000\000\000\000\000\000\000" }
  logits {
    data_type: DATA_TYPE_FLOAT32
    shape: [ 1, 2 ]
    data: "\000\000\200\277\000\000\000\300"
  }
)pb";

TEST(RequestEncodingTest, SendsARolloutWithoutLabels) {
  const xt::xarray<float> u = {{-1.0f, -2.0f}};
  const xt::xarray<double> old = {{-1.0, -2.0}};
  const xt::xarray<float> advantages = {1.0f};
  const xt::xarray<int64_t> lengths = {2};
  const LossSpec loss{Dro{}, Activation::kLogProbability};
  ComputeOptions options;
  options.reduction = Reduction::kSequenceMean;
  options.outputs.policy_statistics = true;
  options.rollout.advantages = advantages;
  options.rollout.old_log_probs = old;
  options.rollout.sampler_log_probs = u;
  options.sequence_lengths = lengths;
  EXPECT_THAT(Sent<v1::ComputeRequest>(EncodeCompute<float>(u, kNoLabels, loss, options)),
              EqualsText(std::string(kRollout) +
                         "loss { activation: ACTIVATION_LOG_PROBABILITY dro { beta: 0.05 } } "
                         "reduction: REDUCTION_SEQUENCE_MEAN outputs { policy_statistics: true }"));
  CompareOptions comparison;
  comparison.reduction = Reduction::kSequenceMean;
  comparison.rollout = options.rollout;
  comparison.sequence_lengths = lengths;
  const std::vector<LossSpec> losses = {loss};
  EXPECT_THAT(Sent<v1::CompareRequest>(EncodeCompare<float>(u, kNoLabels, losses, comparison)),
              EqualsText(std::string(kRollout) +
                         "losses { activation: ACTIVATION_LOG_PROBABILITY dro { beta: 0.05 } } "
                         "reduction: REDUCTION_SEQUENCE_MEAN"));
}

// Whose elements are sent from where they lie.
TEST(RequestEncodingTest, SendsALargeRolloutToTheLastElement) {
  constexpr size_t kTokens = 100000;
  const std::vector<float> u(kTokens, -1.0f);
  std::vector<float> old(kTokens);
  for (size_t i = 0; i < kTokens; ++i) old[i] = -static_cast<float>(i);
  const ArrayView<float> of_old(old, {kTokens});
  ComputeOptions options;
  options.rollout.old_log_probs = of_old;
  options.rollout.reference_log_probs = ArrayView<float>(u, {kTokens});
  const auto request = Sent<v1::ComputeRequest>(
      EncodeCompute<float>(ArrayView<float>(u, {kTokens}), kNoLabels, {}, options));
  const std::string& data = request.rollout().old_log_probs().data();
  ASSERT_EQ(data.size(), kTokens * sizeof(float));
  EXPECT_EQ(std::memcmp(data.data(), old.data(), data.size()), 0);
  EXPECT_EQ(request.rollout().reference_log_probs().data(), request.logits().data());
}

TEST(RequestEncodingTest, SendsATeachersLogitsInPlaceOfLabels) {
  const xt::xarray<float> logits = {{0.0f, 1.0f}};
  const xt::xarray<double> teacher = {{2.0, -1.0}};
  ComputeOptions options;
  options.teacher_logits = teacher;
  LossSpec loss{ReverseKlDivergence{}};
  loss.teacher = {3.0, true};
  const auto request =
      Sent<v1::ComputeRequest>(EncodeCompute<float>(logits, kNoLabels, loss, options));
  EXPECT_FALSE(request.has_labels());
  EXPECT_EQ(request.teacher_logits().data_type(), v1::DATA_TYPE_FLOAT64);
  EXPECT_EQ(request.teacher_logits().data().size(), 16U);
  EXPECT_EQ(request.loss().teacher().temperature(), 3);
  EXPECT_TRUE(request.loss().teacher().scale_by_squared_temperature());

  CompareOptions comparison;
  comparison.teacher_logits = teacher;
  const auto compared =
      Sent<v1::CompareRequest>(EncodeCompare<float>(logits, kNoLabels, {loss}, comparison));
  EXPECT_EQ(compared.teacher_logits().data(), request.teacher_logits().data());
}

TEST(RequestEncodingTest, SendsWhatActsAroundTheForm) {
  LossSpec loss;
  loss.label_smoothing = 0.125;
  loss.ignore_index = -100;
  loss.temperature = 2.0;
  loss.softcap = 30.0;
  loss.z_loss = 0.0001;
  EXPECT_THAT(EncodeLoss(loss),
              EqualsText("activation: ACTIVATION_SOFTMAX cross_entropy {} label_smoothing: 0.125 "
                         "ignore_index: -100 temperature: 2 softcap: 30 z_loss: 0.0001"));
}

TEST(RequestEncodingTest, SendsAnIgnoreIndexOfZero) {
  LossSpec loss;
  loss.ignore_index = 0;
  EXPECT_TRUE(EncodeLoss(loss).has_ignore_index());
  EXPECT_FALSE(EncodeLoss({}).has_ignore_index());
}

TEST(RequestEncodingTest, SendsATemperatureOfZeroForTheServerToJudge) {
  LossSpec loss;
  loss.temperature = -1.0;
  EXPECT_EQ(EncodeLoss(loss).temperature(), -1.0);
}

TEST(RequestEncodingTest, SendsExplicitClassWeights) {
  LossSpec loss;
  loss.activation = Activation::kSigmoid;
  loss.class_weighting.source = std::vector<double>{1.0, 2.0};
  loss.class_weighting.alpha = 0.0;
  loss.class_weighting.positive_weights = {1.0};
  EXPECT_THAT(EncodeLoss(loss), EqualsText(R"pb(
                activation: ACTIVATION_SIGMOID
                cross_entropy {}
                class_weighting {
                  weights {
                    data_type: DATA_TYPE_FLOAT64
                    shape: 2
                    data: "\000\000\000\000\000\000\360\077\000\000\000\000\000\000\000\100"
                  }
                  alpha: 0
                  positive_weights {
                    data_type: DATA_TYPE_FLOAT64
                    shape: 1
                    data: "\000\000\000\000\000\000\360\077"
                  }
                })pb"));
}

TEST(RequestEncodingTest, SendsEveryScheme) {
  const auto scheme = [](WeightScheme value) {
    LossSpec loss;
    loss.class_weighting.source = SchemeWeights{value};
    return EncodeLoss(loss).class_weighting().scheme().scheme();
  };
  EXPECT_EQ(scheme(WeightScheme::kBalanced), v1::WEIGHT_SCHEME_BALANCED);
  EXPECT_EQ(scheme(WeightScheme::kInverseFrequency), v1::WEIGHT_SCHEME_INVERSE_FREQUENCY);
  EXPECT_EQ(scheme(WeightScheme::kInverseSquareRoot), v1::WEIGHT_SCHEME_INVERSE_SQUARE_ROOT);
  EXPECT_EQ(scheme(WeightScheme::kEffectiveNumber), v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER);
  EXPECT_EQ(scheme(WeightScheme::kMedianFrequency), v1::WEIGHT_SCHEME_MEDIAN_FREQUENCY);
  EXPECT_EQ(scheme(WeightScheme::kLogFrequency), v1::WEIGHT_SCHEME_LOG_FREQUENCY);
}

TEST(RequestEncodingTest, SendsASchemesDetails) {
  LossSpec loss;
  loss.class_weighting.source =
      SchemeWeights{WeightScheme::kEffectiveNumber, 0.5, {1.0}, Normalization::kSumOne};
  EXPECT_THAT(
      EncodeLoss(loss).class_weighting(), EqualsText(R"pb(
        scheme {
          scheme: WEIGHT_SCHEME_EFFECTIVE_NUMBER
          beta: 0.5
          counts { data_type: DATA_TYPE_FLOAT64 shape: 1 data: "\000\000\000\000\000\000\360\077" }
          normalization: NORMALIZATION_SUM_ONE
        })pb"));
}

TEST(RequestEncodingTest, SendsEveryLogitAdjustment) {
  const auto adjustment = [](const LogitAdjustment& value) {
    LossSpec loss;
    loss.logit_adjustment = value;
    return EncodeLoss(loss).logit_adjustment();
  };
  const std::string counts =
      "counts { data_type: DATA_TYPE_FLOAT64 shape: 1 data: "
      "'\\000\\000\\000\\000\\000\\000\\360\\077' }";
  EXPECT_THAT(adjustment(PriorAdjustment{{1.0}, 0.5}),
              EqualsText("prior { tau: 0.5 " + counts + " }"));
  EXPECT_THAT(adjustment(MarginAdjustment{{1.0}}),
              EqualsText("margin { max_margin: 0.5 scale: 30 " + counts + " }"));
  EXPECT_THAT(adjustment(SeesawAdjustment{{1.0}}),
              EqualsText("seesaw { p: 0.8 q: 2 eps: 0.01 " + counts + " }"));
  EXPECT_FALSE(EncodeLoss({}).has_logit_adjustment());
}

TEST(RequestEncodingTest, SendsEveryMiningMethod) {
  const auto mining = [](const Mining& value) {
    LossSpec loss;
    loss.mining = value;
    return EncodeLoss(loss).mining();
  };
  EXPECT_THAT(mining(HardestFraction{0.25}), EqualsText("hardest { keep_fraction: 0.25 }"));
  EXPECT_THAT(mining(HardestCount{3}), EqualsText("hardest { keep_count: 3 }"));
  EXPECT_THAT(mining(BelowProbability{0.5, 2}),
              EqualsText("below { probability: 0.5 min_kept: 2 }"));
  EXPECT_THAT(mining(GradientHarmonizing{}), EqualsText("gradient_harmonizing { bins: 10 }"));
  EXPECT_FALSE(EncodeLoss({}).has_mining());
}

TEST(RequestEncodingTest, SendsEveryOption) {
  const xt::xarray<float> weights = {1.0f};
  ComputeOptions options;
  options.reduction = Reduction::kMeanValid;
  options.normalizer = 8.0;
  options.class_axis = -1;
  options.sample_weights = ArrayView<float>(weights);
  options.upstream_gradient = ArrayView<float>(weights);
  options.outputs.losses = false;
  options.outputs.gradient = true;
  options.outputs.hessian_diagonal = true;
  options.outputs.probabilities = true;
  options.outputs.class_statistics = true;
  options.outputs.difficulty = true;
  options.outputs.log_sum_exp = true;
  options.outputs.margin = true;
  options.outputs.applied = true;
  options.outputs.class_weights = false;
  options.outputs.hessian_mode = HessianMode::kPositive;
  options.outputs.top_k = {1, 5};
  options.outputs.hard_threshold = 0.25;
  options.outputs.gradient_scale = 1024.0;
  options.outputs.present_classes_only = true;

  v1::ComputeRequest request = Encode({}, options);
  request.clear_loss();
  request.clear_logits();
  request.clear_labels();
  EXPECT_THAT(request, EqualsText(R"pb(
                sample_weights { data_type: DATA_TYPE_FLOAT32 shape: 1 data: "\000\000\200\077" }
                upstream_gradient { data_type: DATA_TYPE_FLOAT32 shape: 1 data: "\000\000\200\077" }
                reduction: REDUCTION_MEAN_VALID
                normalizer: 8
                class_axis: -1
                outputs {
                  omit_losses: true
                  gradient: true
                  hessian_diagonal: true
                  probabilities: true
                  class_statistics: true
                  difficulty: true
                  log_sum_exp: true
                  omit_class_weights: true
                  hessian_mode: HESSIAN_MODE_POSITIVE
                  top_k: [ 1, 5 ]
                  hard_threshold: 0.25
                  gradient_scale: 1024
                  present_classes_only: true
                  margin: true
                  applied: true
                })pb"));
}

TEST(RequestEncodingTest, SendsEveryReduction) {
  const auto reduction = [](Reduction value) {
    ComputeOptions options;
    options.reduction = value;
    return Encode({}, options).reduction();
  };
  EXPECT_EQ(reduction(Reduction::kNone), v1::REDUCTION_NONE);
  EXPECT_EQ(reduction(Reduction::kSum), v1::REDUCTION_SUM);
  EXPECT_EQ(reduction(Reduction::kMean), v1::REDUCTION_MEAN);
  EXPECT_EQ(reduction(Reduction::kMeanValid), v1::REDUCTION_MEAN_VALID);
  EXPECT_EQ(reduction(Reduction::kSequenceMean), v1::REDUCTION_SEQUENCE_MEAN);
}

TEST(RequestEncodingTest, SendsAComparison) {
  const xt::xtensor<double, 2> logits = {{0.0}};
  const xt::xarray<int64_t> labels = {0};
  CompareOptions options;
  options.reduction = Reduction::kSum;
  options.class_axis = 1;
  options.hard_threshold = 0.75;
  options.class_statistics = false;
  options.difficulty = false;
  options.present_classes_only = true;
  options.sample_weights = ArrayView<double>(logits);
  auto request = Sent<v1::CompareRequest>(
      EncodeCompare<double>(logits, labels, {LossSpec{}, LossSpec{Focal{}}}, options));
  request.clear_labels();
  EXPECT_THAT(request, EqualsText(R"pb(
                logits {
                  data_type: DATA_TYPE_FLOAT64
                  shape: [ 1, 1 ]
                  data: "\000\000\000\000\000\000\000\000"
                }
                losses {
                  activation: ACTIVATION_SOFTMAX
                  cross_entropy {}
                }
                losses {
                  activation: ACTIVATION_SOFTMAX
                  focal { gamma: 2 }
                }
                sample_weights {
                  data_type: DATA_TYPE_FLOAT64
                  shape: [ 1, 1 ]
                  data: "\000\000\000\000\000\000\000\000"
                }
                reduction: REDUCTION_SUM
                class_axis: 1
                omit_class_statistics: true
                omit_difficulty: true
                hard_threshold: 0.75
                present_classes_only: true)pb"));
}

TEST(RequestEncodingTest, SendsLabelsToFindClassWeightsOf) {
  const xt::xarray<int64_t> labels = {0};
  const xt::xarray<double> weights = {0.0};
  ClassWeightsOptions options;
  options.class_count = 3;
  options.schemes = {SchemeWeights{WeightScheme::kBalanced},
                     SchemeWeights{WeightScheme::kEffectiveNumber, 0.5}};
  options.sample_weights = ArrayView<double>(weights);
  options.ignore_index = 255;
  const auto request = Sent<v1::ComputeClassWeightsRequest>(EncodeClassWeights(labels, options));
  EXPECT_THAT(
      request, EqualsText(R"pb(
        labels { data_type: DATA_TYPE_INT64 shape: 1 data: "\000\000\000\000\000\000\000\000" }
        class_count: 3
        schemes { scheme: WEIGHT_SCHEME_BALANCED }
        schemes { scheme: WEIGHT_SCHEME_EFFECTIVE_NUMBER beta: 0.5 }
        sample_weights {
          data_type: DATA_TYPE_FLOAT64
          shape: 1
          data: "\000\000\000\000\000\000\000\000"
        }
        ignore_index: 255)pb"));
}

TEST(RequestEncodingTest, SendsCountsToFindClassWeightsOf) {
  const auto request =
      Sent<v1::ComputeClassWeightsRequest>(EncodeClassWeightsFromCounts({0.0}, {}));
  EXPECT_THAT(request, EqualsText(R"pb(
                counts {
                  data_type: DATA_TYPE_FLOAT64
                  shape: 1
                  data: "\000\000\000\000\000\000\000\000"
                })pb"));
}

TEST(RequestEncodingTest, RefusesSampleWeightsBesideCounts) {
  const xt::xarray<double> weights = {1.0};
  ClassWeightsOptions options;
  options.sample_weights = ArrayView<double>(weights);
  EXPECT_EQ(EncodeClassWeightsFromCounts({1.0}, options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(RequestEncodingTest, SendsWhatToMeasure) {
  const xt::xarray<double> p = {0.0};
  InformationOptions options;
  options.base = InformationBase::kHartley;
  options.from_logits = true;
  options.self_information = true;
  const auto request = Sent<v1::MeasureInformationRequest>(EncodeInformation(p, nullptr, options));
  EXPECT_THAT(request, EqualsText(R"pb(
                p { data_type: DATA_TYPE_FLOAT64 shape: 1 data: "\000\000\000\000\000\000\000\000" }
                base: INFORMATION_BASE_HARTLEY
                from_logits: true
                self_information: true)pb"));
}

// Arrays that are large enough to be lent.
TEST(RequestEncodingTest, SendsLargeArraysToTheLastElement) {
  std::vector<float> logits(100'000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i);
  std::vector<double> weights(50'000, 0.5);
  weights.back() = 7.0;
  const std::vector<int64_t> labels(50'000, 1);
  ComputeOptions options;
  options.sample_weights = ArrayView<double>(weights, {50'000});

  const auto request = Sent<v1::ComputeRequest>(EncodeCompute<float>(
      ArrayView<float>(logits, {50'000, 2}), ArrayView<int64_t>(labels, {50'000}), {}, options));

  const std::string& sent = request.logits().data();
  ASSERT_EQ(sent.size(), logits.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(sent.data(), logits.data(), sent.size()), 0);
  EXPECT_THAT(request.logits().shape(), ::testing::ElementsAre(50'000, 2));
  EXPECT_EQ(request.labels().data().size(), labels.size() * sizeof(int64_t));
  ASSERT_EQ(request.sample_weights().data().size(), weights.size() * sizeof(double));
  EXPECT_EQ(std::memcmp(request.sample_weights().data().data(), weights.data(),
                        weights.size() * sizeof(double)),
            0);
  EXPECT_TRUE(request.loss().has_cross_entropy());
}

TEST(RequestEncodingTest, SendsWhatARunIsTold) {
  const std::vector<int64_t> ids = {5};
  ComputeOptions options;
  options.recording = Recording{"a/b", ArrayView<int64_t>(ids, {1}), "mine", 3, 1, 0.25};
  const v1::ComputeRequest request = Encode({}, options);
  EXPECT_EQ(request.run(), "a/b");
  EXPECT_EQ(request.request_id(), "mine");
  EXPECT_EQ(request.step(), 3);
  EXPECT_EQ(request.epoch(), 1);
  EXPECT_EQ(request.learning_rate(), 0.25);
  EXPECT_THAT(request.sample_ids(), EqualsText(R"pb(data_type: DATA_TYPE_INT64
                                                    shape: 1
                                                    data: "\005\000\000\000\000\000\000\000")pb"));
  options.recording = Recording{"a/b", ArrayView<int64_t>(ids, {1})};
  const v1::ComputeRequest plain = Encode({}, options);
  EXPECT_FALSE(plain.has_step() || plain.has_epoch() || plain.has_learning_rate());
}

TEST(RequestEncodingTest, NamesARequestOfARunThatHasNoName) {
  const std::vector<int64_t> ids = {5};
  ComputeOptions options;
  options.recording = Recording{"run", ArrayView<int64_t>(ids, {1})};
  const std::string first = Encode({}, options).request_id();
  EXPECT_THAT(first, MatchesRegex("[0-9a-f]{32}"));
  EXPECT_NE(Encode({}, options).request_id(), first);
}

TEST(RequestEncodingTest, RefusesIdsThatDoNotFitTheirShape) {
  const std::vector<int64_t> ids = {5, 6};
  ComputeOptions options;
  const xt::xarray<float> logits = {{1.0f, -2.0f}};
  const xt::xarray<int64_t> labels = {1};
  for (const ArrayView<int64_t>& wrong : {ArrayView<int64_t>(ids, {1}), ArrayView<int64_t>()}) {
    options.recording = Recording{"run", wrong};
    const absl::Status status = EncodeCompute<float>(logits, labels, {}, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("sample_ids"));
  }
}

}  // namespace
}  // namespace lossd::client
