#include "client/src/convert/loss_spec_decoding.h"

#include <cmath>
#include <string>
#include <vector>

#include "client/src/convert/loss_spec_encoding.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace lossd::client {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;

// Returns the loss as a server answers it.
v1::AppliedLoss Answered(const LossSpec& loss) {
  v1::AppliedLoss applied;
  *applied.mutable_loss() = EncodeLossSpec(loss);
  applied.mutable_loss()->set_temperature(loss.temperature);
  applied.set_reduction(v1::REDUCTION_SUM);
  return applied;
}

// Expects that the loss is read as what is sent for it, but for elements of vectors.
void ExpectReadBack(const LossSpec& loss) {
  const v1::LossSpec sent = EncodeLossSpec(loss);
  const absl::StatusOr<AppliedLoss> applied = DecodeAppliedLoss(Answered(loss));
  ASSERT_TRUE(applied.ok()) << applied.status();
  const v1::LossSpec read = EncodeLossSpec(applied->loss);
  EXPECT_TRUE(MessageDifferencer::Equals(read, sent)) << read.DebugString() << sent.DebugString();
  EXPECT_EQ(applied->reduction, Reduction::kSum);
}

TEST(LossSpecDecodingTest, ReadsEveryForm) {
  const LossForm forms[] = {
      CrossEntropy{},
      Focal{1.5},
      Focal{1.5, SoftTargetRule::kBlended},
      SquaredError{},
      KlDivergence{},
      Poly1{0.25},
      GeneralizedCrossEntropy{0.5},
      SymmetricCrossEntropy{0.25, 0.5, -2.0},
      Asymmetric{1.0, 2.0, 0.125},
      Asymmetric{1.0, 2.0, 0.125, true},
      QualityFocal{1.5},
      Varifocal{0.5, 1.5},
      FocalStar{1.5, 0.5},
      JensenShannon{},
      JensenShannon{0.25},
      Hinge{0.5},
      SquaredMargin{-2.0},
      ReverseKlDivergence{},
      ImportanceSampling{},
      Ppo{0.125, 0.25},
      Ppo{0.125, 0.25, 3.0},
      Cispo{0.5, 5.0},
      Dro{0.125},
      Sapo{0.5, 0.75},
      Dppo{DppoDivergence::kTotalVariation, 0.125, 0.25},
      Dppo{DppoDivergence::kKl, 0.125, 0.25},
  };
  for (const LossForm& form : forms) {
    SCOPED_TRACE(form.index());
    for (const Activation activation :
         {Activation::kSoftmax, Activation::kSigmoid, Activation::kLogProbability}) {
      LossSpec loss{form};
      loss.activation = activation;
      ExpectReadBack(loss);
    }
  }
}

TEST(LossSpecDecodingTest, ReadsWhatActsAroundTheForm) {
  LossSpec loss;
  loss.label_smoothing = 0.125;
  loss.ignore_index = -100;
  loss.temperature = 2.0;
  loss.softcap = 30.0;
  loss.z_loss = 0.0001;
  loss.class_weighting.alpha = 0.25;
  ExpectReadBack(loss);
  for (const Mining& mining : {Mining(HardestFraction{0.5}), Mining(HardestCount{3}),
                               Mining(BelowProbability{0.5, 2}), Mining(GradientHarmonizing{7})}) {
    loss.mining = mining;
    ExpectReadBack(loss);
  }
}

TEST(LossSpecDecodingTest, ReadsWhatActsAroundARatio) {
  LossSpec loss{Ppo{}};
  for (const RatioLevel level : {RatioLevel::kToken, RatioLevel::kSequence}) {
    loss.ratio = {level, 20.0};
    for (const KlEstimator estimator : {KlEstimator::kK1, KlEstimator::kK2, KlEstimator::kK3}) {
      loss.kl_penalty = {0.25, estimator, KlGradient::kReverseKl};
      ExpectReadBack(loss);
      loss.kl_penalty->gradient = KlGradient::kEstimator;
      ExpectReadBack(loss);
    }
    for (const auto mode : {ImportanceWeightingMode::kClamp, ImportanceWeightingMode::kZero}) {
      loss.importance_weighting = {level, 0.5, 3.0, mode};
      ExpectReadBack(loss);
    }
  }
}

TEST(LossSpecDecodingTest, ReadsWhatIsOfATeacher) {
  LossSpec loss{JensenShannon{0.25}};
  loss.teacher.temperature = 2.0;
  ExpectReadBack(loss);
  loss.teacher.scale_by_squared_temperature = true;
  ExpectReadBack(loss);
}

TEST(LossSpecDecodingTest, ReadsEveryScheme) {
  for (const WeightScheme scheme :
       {WeightScheme::kBalanced, WeightScheme::kInverseFrequency, WeightScheme::kInverseSquareRoot,
        WeightScheme::kEffectiveNumber, WeightScheme::kMedianFrequency,
        WeightScheme::kLogFrequency}) {
    for (const Normalization normalization :
         {Normalization::kNone, Normalization::kMeanOne, Normalization::kSumOne,
          Normalization::kExpectedOne}) {
      LossSpec loss;
      loss.class_weighting.source = SchemeWeights{scheme, 0.5, {}, normalization};
      ExpectReadBack(loss);
    }
  }
}

void ExpectNaN(const std::vector<double>& vector, size_t length) {
  EXPECT_EQ(vector.size(), length);
  for (const double value : vector) EXPECT_TRUE(std::isnan(value));
}

TEST(LossSpecDecodingTest, KeepsTheLengthsOfVectors) {
  LossSpec loss;
  loss.class_weighting.source = std::vector<double>{1.0, 2.0};
  loss.class_weighting.positive_weights = {3.0};
  loss.logit_adjustment = PriorAdjustment{{1.0, 2.0, 3.0}};
  const auto applied = DecodeAppliedLoss(Answered(loss));
  ASSERT_TRUE(applied.ok()) << applied.status();
  const ClassWeighting& weighting = applied->loss.class_weighting;
  ExpectNaN(std::get<std::vector<double>>(weighting.source), 2);
  ExpectNaN(weighting.positive_weights, 1);
  loss.class_weighting.source = SchemeWeights{WeightScheme::kBalanced, std::nullopt, {1.0, 2.0}};
  const AppliedLoss scheme = DecodeAppliedLoss(Answered(loss)).value();
  ExpectNaN(std::get<SchemeWeights>(scheme.loss.class_weighting.source).counts, 2);
}

TEST(LossSpecDecodingTest, ReadsEveryLogitAdjustment) {
  const std::vector<double> counts = {1.0, 2.0, 3.0};
  const auto read = [](const LogitAdjustment& adjustment) {
    LossSpec loss;
    loss.logit_adjustment = adjustment;
    return DecodeAppliedLoss(Answered(loss)).value().loss.logit_adjustment;
  };
  const auto prior = std::get<PriorAdjustment>(read(PriorAdjustment{counts, 0.5}));
  ExpectNaN(prior.counts, 3);
  EXPECT_EQ(prior.tau, 0.5);
  const auto margin = std::get<MarginAdjustment>(read(MarginAdjustment{counts, 0.25, 10.0}));
  ExpectNaN(margin.counts, 3);
  EXPECT_EQ(margin.max_margin, 0.25);
  EXPECT_EQ(margin.scale, 10.0);
  const auto seesaw = std::get<SeesawAdjustment>(read(SeesawAdjustment{counts, 0.5, 1.0, 0.125}));
  ExpectNaN(seesaw.counts, 3);
  EXPECT_EQ(seesaw.p, 0.5);
  EXPECT_EQ(seesaw.q, 1.0);
  EXPECT_EQ(seesaw.eps, 0.125);
}

// Each is an answer that no server gives to this client.
TEST(LossSpecDecodingTest, RefusesWhatItCannotHaveAskedFor) {
  const std::string loss = "activation: ACTIVATION_SOFTMAX cross_entropy {} ";
  const std::pair<std::string, const char*> cases[] = {
      {"loss { cross_entropy {} }", "applied.loss.activation = 0"},
      {"loss { activation: ACTIVATION_SOFTMAX }", "applied.loss has no form"},
      {"loss { " + loss + "}", "applied.reduction = 0"},
      {"loss { " + loss + "mining {} }", "applied.loss.mining"},
      {"loss { " + loss + "logit_adjustment {} }", "applied.loss.logit_adjustment"},
      {"loss { " + loss + "class_weighting { scheme {} } }", "class_weighting.scheme.scheme = 0"},
      {"loss { " + loss + "class_weighting { weights {} } }", "class_weighting.weights is not"},
      {"loss { " + loss + "class_weighting { weights { shape: [1, 2] } } }", "weights is not"},
      {"loss { " + loss + "class_weighting { weights { shape: -1 } } }", "weights is not"},
      {"loss { " + loss + "class_weighting { positive_weights { shape: 4611686018427387904 } } }",
       "class_weighting.positive_weights is not"},
      {"loss { " + loss + "logit_adjustment { prior {} } }", "prior.counts is not"},
  };
  for (const auto& [text, expected] : cases) {
    v1::AppliedLoss message;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
    const absl::Status status = DecodeAppliedLoss(message).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(expected)) << text;
  }
}

}  // namespace
}  // namespace lossd::client
