#include <cmath>
#include <cstddef>
#include <iostream>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;

const std::vector<double> kScales = {1e-3, 1e-2, 0.1, 1, 10, 100, 1e3, 1e4};
const std::vector<double> kTrueProbabilities = {
    1e-30, 1e-20, 1e-10, 1e-5,  1e-3,     0.01,     0.1,      0.3,       0.5,
    0.7,   0.9,   0.99,  0.999, 1 - 1e-4, 1 - 1e-6, 1 - 1e-8, 1 - 1e-10, 1 - 1e-12};

class AccuracySweepTest : public ::testing::Test {
 protected:
  void Check(const FormChoice& choice, Problem problem) {
    SetForm(choice, &problem);
    ExpectAgreesInBothTypes(problem, &worst_);
  }

  // Checks in float alone.
  void CheckFloat(const FormChoice& choice, Problem problem) {
    SetForm(choice, &problem);
    ExpectAgrees<float>(problem, &worst_);
  }

  void TearDown() override {
    std::cout << "worst, as a fraction of what is allowed: " << worst_.ratio << ", " << worst_.where
              << "\n";
  }

  Random random_{20240601};
  Worst worst_;
};

// Makes the even rows easy: their label is the largest logit's class.
void LabelTheLargest(Problem* problem) {
  for (size_t i = 0; i < problem->rows(); i += 2) {
    size_t largest = 0;
    for (size_t k = 1; k < problem->classes(); ++k) {
      if (problem->logits(i, k) > problem->logits(i, largest)) largest = k;
    }
    (*problem->class_ids)[i] = static_cast<int64_t>(largest);
  }
}

TEST_F(AccuracySweepTest, EveryScaleOfLogits) {
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const size_t classes : std::vector<size_t>{2, 3, 7, 10, 33, 100, 1000, 4099}) {
        for (const double scale : kScales) {
          Problem problem = Draw(activation, LabelKind::kClassIds,
                                 {classes < 1000 ? 2 + 600 / classes : 2, classes}, scale, random_);
          LabelTheLargest(&problem);
          Check(choice, problem);
        }
      }
    }
  }
}

TEST_F(AccuracySweepTest, EveryScaleOfLogitsWithVeryManyClasses) {
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (const size_t classes : std::vector<size_t>{32000, 131072}) {
      for (const double scale : {1e-3, 1.0, 30.0, 1e4}) {
        Problem problem =
            Draw(Activation::kSoftmax, LabelKind::kClassIds, {2, classes}, scale, random_);
        LabelTheLargest(&problem);
        Check(choice, problem);
      }
    }
  }
}

TEST_F(AccuracySweepTest, EveryTrueProbability) {
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const size_t classes : std::vector<size_t>{2, 3, 10, 100, 1000}) {
        for (int repeat = 0; repeat < 5; ++repeat) {
          Check(choice,
                DrawWithTrueProbabilities(activation, kTrueProbabilities, classes, random_));
        }
      }
    }
  }
}

TEST_F(AccuracySweepTest, EveryTrueProbabilityWithVeryManyClasses) {
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    Check(choice, DrawWithTrueProbabilities(Activation::kSoftmax,
                                            {1e-30, 1e-5, 0.5, 0.999, 1 - 1e-8, 1 - 1e-12}, 131072,
                                            random_));
  }
}

// Logits that are not floats, in double alone.
TEST_F(AccuracySweepTest, DoubleLogits) {
  std::normal_distribution<double> normal;
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const double scale : kScales) {
        Problem problem = Draw(activation, LabelKind::kClassIds, {20, 13}, scale, random_);
        for (double& z : problem.logits) z = scale * normal(random_);
        LabelTheLargest(&problem);
        Check(choice, problem);
      }
    }
  }
}

TEST_F(AccuracySweepTest, SoftTargetsAndSmoothing) {
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const LabelKind labels :
           {LabelKind::kClassIds, LabelKind::kOneHotTargets, LabelKind::kSoftTargets}) {
        for (const double smoothing : {0.0, 0.1}) {
          if (smoothing > 0 && !choice.has_smoothing) continue;
          for (const size_t classes : std::vector<size_t>{2, 3, 10, 100, 1000, 5000}) {
            for (const double scale : {1e-2, 1.0, 30.0, 1e3}) {
              Problem problem =
                  Draw(activation, labels, {classes < 1000 ? 2 + 100 / classes : 1, classes}, scale,
                       random_);
              problem.label_smoothing = smoothing;
              Check(choice, problem);
            }
          }
        }
      }
    }
  }
}

// The options around a form, alone and together.
struct NamedOptions {
  const char* name;
  void (*set)(Random& random, Problem& problem);
};

std::vector<double> DrawCounts(size_t classes, Random& random) {
  std::uniform_real_distribution<double> log_count(0, 10);
  std::vector<double> counts;
  for (size_t k = 0; k < classes; ++k) counts.push_back(std::floor(std::exp(log_count(random))));
  return counts;
}

void WeighClasses(Random& random, Problem& problem) {
  std::uniform_real_distribution<double> weight(0.25, 4);
  for (size_t k = 0; k < problem.classes(); ++k) problem.weights.push_back(weight(random));
}

void SetTemperature(Random&, Problem& problem) { problem.temperature = 0.7; }
void SetSoftcap(Random&, Problem& problem) { problem.softcap = 30; }
void SetZLoss(Random&, Problem& problem) { problem.z_loss = 1e-2; }
void SetPrior(Random& random, Problem& problem) {
  problem.prior = oracle::Prior{1, DrawCounts(problem.classes(), random)};
}
void SetMargin(Random& random, Problem& problem) {
  problem.label_margin = oracle::LabelMargin{0.5, 1.5, DrawCounts(problem.classes(), random)};
}
void SetSeesaw(Random& random, Problem& problem) {
  problem.seesaw.emplace().counts = DrawCounts(problem.classes(), random);
}
void SetSmoothing(Random&, Problem& problem) { problem.label_smoothing = 0.1; }
void SetWeightedSmoothing(Random& random, Problem& problem) {
  problem.label_smoothing = 0.1;
  WeighClasses(random, problem);
}
void SetAll(Random& random, Problem& problem) {
  problem.temperature = 1.5;
  problem.softcap = 20;
  SetPrior(random, problem);
  SetZLoss(random, problem);
  SetWeightedSmoothing(random, problem);
}

constexpr NamedOptions kOptions[] = {
    {"temperature", &SetTemperature},
    {"softcap", &SetSoftcap},
    {"z_loss", &SetZLoss},
    {"prior", &SetPrior},
    {"margin", &SetMargin},
    {"seesaw", &SetSeesaw},
    {"smoothing", &SetSmoothing},
    {"weighted smoothing", &SetWeightedSmoothing},
    {"all", &SetAll},
};

TEST_F(AccuracySweepTest, OptionsAtEveryScaleOfLogits) {
  for (const NamedOptions& options : kOptions) {
    SCOPED_TRACE(options.name);
    for (const FormChoice& choice : FormChoices()) {
      if (!choice.has_softmax) continue;
      for (const size_t classes : std::vector<size_t>{2, 3, 10, 32, 33, 100, 1000, 4099}) {
        for (const double scale : {1e-2, 1.0, 10.0, 100.0, 1e4}) {
          Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds,
                                 {classes < 1000 ? 2 + 100 / classes : 2, classes}, scale, random_);
          LabelTheLargest(&problem);
          options.set(random_, problem);
          if (problem.label_smoothing != 0 && !choice.has_smoothing) continue;
          Check(choice, problem);
        }
      }
    }
  }
}

TEST_F(AccuracySweepTest, EverySoftcap) {
  for (const double cap : {0.5, 3.0, 15.0, 50.0, 1000.0}) {
    for (const FormChoice& choice : FormChoices()) {
      if (!choice.has_softmax) continue;
      for (const size_t classes : std::vector<size_t>{2, 10, 32, 33, 100, 2100}) {
        // Some of cap / 3, cap / 2 and ∛(3 cap² / 2), where kernels change their ways, are within.
        for (const double scale : {0.1 * cap, 0.4 * cap, 10 * cap}) {
          Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds,
                                 {classes < 1000 ? 2 + 100 / classes : 2, classes}, scale, random_);
          LabelTheLargest(&problem);
          problem.softcap = cap;
          CheckFloat(choice, problem);
        }
      }
    }
  }
}

// The gradient of the squared error has p_j − Σ p², which is 0 where all but the true class are
// alike.
TEST_F(AccuracySweepTest, ClassesThatAreNearlyAlike) {
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (const size_t classes : std::vector<size_t>{3, 10, 33, 1000, 4099}) {
      for (const double scale : {1e-5, 1e-3, 0.3}) {
        for (const double below : {8.0, 30.0}) {
          Problem problem =
              Draw(Activation::kSoftmax, LabelKind::kClassIds, {4, classes}, scale, random_);
          for (size_t i = 0; i < problem.rows(); ++i) {
            problem.logits(i, static_cast<size_t>((*problem.class_ids)[i])) -= below;
          }
          RoundToFloat(&problem);
          Check(choice, problem);
        }
      }
    }
  }
}

// Makes of each row's class id targets that a teacher of that class would have: all but `rest` is
// its own, and the others have the rest, all alike or by chance.
void TeachByTargets(double rest, bool alike, Random& random, Problem* problem) {
  std::uniform_real_distribution<double> share(0, 1);
  problem->targets = oracle::Matrix::from_shape({problem->rows(), problem->classes()});
  for (size_t i = 0; i < problem->rows(); ++i) {
    const auto own = static_cast<size_t>((*problem->class_ids)[i]);
    const double each = rest / static_cast<double>(problem->classes());
    for (size_t k = 0; k < problem->classes(); ++k) {
      const double t = alike ? each : 2 * each * share(random);
      (*problem->targets)(i, k) = static_cast<float>(k == own ? t + 1 - rest : t);
    }
  }
  problem->class_ids.reset();
}

TEST_F(AccuracySweepTest, TargetsOfATeacherWithOptions) {
  constexpr NamedOptions kOfTargets[] = {
      {"none", [](Random&, Problem&) {}},
      {"temperature", &SetTemperature},
      {"z_loss", &SetZLoss},
      {"smoothing", &SetSmoothing},
      {"weighted smoothing", &SetWeightedSmoothing},
  };
  for (const NamedOptions& options : kOfTargets) {
    SCOPED_TRACE(options.name);
    for (const FormChoice& choice : FormChoices()) {
      if (!choice.has_softmax) continue;
      for (const size_t classes : std::vector<size_t>{2, 3, 10, 33, 1000, 4099}) {
        for (const double scale : {1e-2, 1.0, 30.0, 1e4}) {
          Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds,
                                 {classes < 1000 ? 2 + 100 / classes : 2, classes}, scale, random_);
          LabelTheLargest(&problem);
          for (const double rest : {0.1, 1e-4}) {
            for (const bool alike : {true, false}) {
              Problem taught = problem;
              TeachByTargets(rest, alike, random_, &taught);
              options.set(random_, taught);
              if (taught.label_smoothing != 0 && !choice.has_smoothing) continue;
              CheckFloat(choice, taught);
            }
          }
        }
      }
    }
  }
}

TEST_F(AccuracySweepTest, TargetsOfATeacherAtEveryTrueProbability) {
  for (const FormChoice& choice : FormChoices()) {
    if (!choice.has_softmax) continue;
    for (const size_t classes : std::vector<size_t>{2, 10, 100, 3000}) {
      for (const bool alike : {true, false}) {
        Problem problem =
            DrawWithTrueProbabilities(Activation::kSoftmax, kTrueProbabilities, classes, random_);
        TeachByTargets(1e-3, alike, random_, &problem);
        Check(choice, problem);
      }
    }
  }
}

TEST_F(AccuracySweepTest, OptionsAtEveryTrueProbability) {
  for (const NamedOptions& options : kOptions) {
    SCOPED_TRACE(options.name);
    for (const FormChoice& choice : FormChoices()) {
      if (!choice.has_softmax) continue;
      for (const size_t classes : std::vector<size_t>{2, 10, 100, 3000}) {
        Problem problem =
            DrawWithTrueProbabilities(Activation::kSoftmax, kTrueProbabilities, classes, random_);
        options.set(random_, problem);
        Check(choice, problem);
      }
    }
  }
}

}  // namespace
}  // namespace lossd::loss
