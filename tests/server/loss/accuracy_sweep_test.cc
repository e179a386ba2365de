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

}  // namespace
}  // namespace lossd::loss
