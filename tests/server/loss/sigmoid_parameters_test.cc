#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/oracle/term.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

// The sweep of accuracy has every form with its default parameters; these have others.
namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Form;
using oracle::Parameters;
using oracle::Problem;

struct Choice {
  Form form;
  Parameters parameters;
};

// Returns a choice for each pair of values of two parameters.
std::vector<Choice> Pairs(Form form, double Parameters::*first, const std::vector<double>& firsts,
                          double Parameters::*second, const std::vector<double>& seconds) {
  std::vector<Choice> choices;
  for (const double a : firsts) {
    for (const double b : seconds) {
      Choice choice = {form, Parameters()};
      choice.parameters.*first = a;
      choice.parameters.*second = b;
      choices.push_back(choice);
    }
  }
  return choices;
}

std::vector<Choice> AsymmetricChoices() {
  std::vector<Choice> choices;
  for (const bool detaches : {false, true}) {
    for (const double margin : {0.0, 0.05, 0.2}) {
      for (Choice choice : Pairs(Form::kAsymmetric, &Parameters::gamma_positive, {0, 1.5},
                                 &Parameters::gamma_negative, {0, 0.5, 1, 2, 2.5, 4})) {
        choice.parameters.margin = margin;
        choice.parameters.detach_focusing = detaches;
        choices.push_back(choice);
      }
    }
  }
  return choices;
}

std::vector<Choice> Choices() {
  std::vector<Choice> choices = AsymmetricChoices();
  const auto add = [&](const std::vector<Choice>& more) {
    choices.insert(choices.end(), more.begin(), more.end());
  };
  add(Pairs(Form::kQualityFocal, &Parameters::beta, {0, 1, 1.5, 2, 3, 4.5}, &Parameters::gamma,
            {2}));
  add(Pairs(Form::kVarifocal, &Parameters::alpha, {0.25, 0.75}, &Parameters::gamma,
            {0, 0.5, 1, 2, 2.5}));
  add(Pairs(Form::kFocalStar, &Parameters::gamma, {0.5, 1, 2, 3.3}, &Parameters::beta,
            {-2, 0, 0.7, 3}));
  add(Pairs(Form::kSymmetricCrossEntropy, &Parameters::alpha, {0, 0.1, 6}, &Parameters::beta,
            {0.1, 1}));
  add(Pairs(Form::kSymmetricCrossEntropy, &Parameters::log_zero, {-0.5, -9, -30},
            &Parameters::alpha, {0.1}));
  for (Choice choice :
       Pairs(Form::kFocal, &Parameters::gamma, {0, 0.5, 1, 2, 3, 5}, &Parameters::beta, {1})) {
    choices.push_back(choice);
    choice.parameters.soft_target_rule = oracle::SoftTargetRule::kBlended;
    choices.push_back(choice);
  }
  add(Pairs(Form::kPoly1, &Parameters::epsilon, {-0.9, 0, 2}, &Parameters::gamma, {2}));
  add(Pairs(Form::kGeneralizedCrossEntropy, &Parameters::q, {0.01, 0.3, 1}, &Parameters::gamma,
            {2}));
  // Numbers that are floats' and numbers that are not.
  add(Pairs(Form::kHinge, &Parameters::margin, {1e-3, 0.25, 1.7, 40}, &Parameters::gamma, {2}));
  add(Pairs(Form::kSquaredMargin, &Parameters::target, {-5, -0.1, 0, 2.5}, &Parameters::gamma,
            {2}));
  add(Pairs(Form::kJensenShannon, &Parameters::skew, {1e-6, 0.1, 0.7, 0.999}, &Parameters::gamma,
            {2}));
  return choices;
}

class SigmoidParametersTest : public ::testing::Test {
 protected:
  void Check(const Choice& choice, LabelKind labels, double smoothing) {
    // Close to p = 1 without a margin the oracle's own digits cancel.
    const bool cancels = choice.form == Form::kAsymmetric && choice.parameters.margin == 0;
    const std::vector<double> all = {1e-2, 1, 10, 50, 1e3};
    for (const double scale : cancels ? std::vector<double>{1e-2, 1} : all) {
      Problem problem = Draw(Activation::kSigmoid, labels, {7, 11}, scale, random_);
      problem.form = choice.form;
      problem.parameters = choice.parameters;
      problem.label_smoothing = smoothing;
      problem.hessian_mode =
          is_positive_ ? oracle::HessianMode::kPositive : oracle::HessianMode::kExact;
      is_positive_ = !is_positive_;
      ExpectAgreesInBothTypes(problem);
    }
  }

  Random random_{20261130};
  bool is_positive_ = false;
};

TEST_F(SigmoidParametersTest, HardLabels) {
  for (const Choice& choice : Choices()) Check(choice, LabelKind::kBinaryLabels, 0);
}

TEST_F(SigmoidParametersTest, SoftTargets) {
  for (const Choice& choice : Choices()) Check(choice, LabelKind::kSoftTargets, 0);
}

TEST_F(SigmoidParametersTest, SmoothedLabels) {
  for (const Choice& choice : Choices()) {
    if (choice.form == Form::kVarifocal) continue;
    for (const LabelKind labels : {LabelKind::kBinaryLabels, LabelKind::kClassIds}) {
      Check(choice, labels, 0.1);
    }
  }
}

// Targets close to 0, to 1 and to the probabilities: what is computed from differences.
TEST_F(SigmoidParametersTest, TargetsNearProbabilities) {
  std::normal_distribution<double> normal;
  for (const FormChoice& choice : FormChoices()) {
    for (const double distance : {1e-3, 1e-2, 0.1}) {
      for (const double scale : {0.5, 3.0}) {
        Problem problem =
            Draw(Activation::kSigmoid, LabelKind::kSoftTargets, {5, 40}, scale, random_);
        for (size_t i = 0; i < problem.rows(); ++i) {
          for (size_t k = 0; k < problem.classes(); ++k) {
            const auto p = static_cast<double>(oracle::SigmoidOf(problem.logits(i, k)).value);
            const double moved = p * (1 + distance * normal(random_));
            (*problem.targets)(i, k) = std::min(1.0, std::max(0.0, moved));
          }
        }
        RoundToFloat(&problem);
        SetForm(choice, &problem);
        ExpectAgreesInBothTypes(problem);
      }
    }
  }
}

}  // namespace
}  // namespace lossd::loss
