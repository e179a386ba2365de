#include "tests/server/loss/draw.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "tests/server/loss/agreement.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

void DrawTargets(oracle::Problem* problem, LabelKind labels, Random& random) {
  const size_t classes = problem->classes();
  std::uniform_int_distribution<size_t> any_class(0, classes - 1);
  std::uniform_real_distribution<double> uniform(0, 1);
  problem->targets = oracle::Matrix::from_shape({problem->rows(), classes});
  for (size_t i = 0; i < problem->rows(); ++i) {
    const size_t label = any_class(random);
    for (size_t k = 0; k < classes; ++k) {
      double& target = (*problem->targets)(i, k);
      if (labels == LabelKind::kSoftTargets) {
        const double u = uniform(random);
        target = u < 0.25 && k != label ? 0 : u;
      } else if (problem->activation == oracle::Activation::kSigmoid) {
        target = uniform(random) < 0.5 ? 0 : 1;
      } else {
        target = k == label ? 1 : 0;
      }
    }
  }
}

oracle::Parameters DefaultsOf(const FormInfo& form) {
  oracle::Parameters parameters = OracleOptions(form.name);
  for (int n = 0; n < form.parameter_count; ++n) {
    const kernels::ParameterInfo& info = form.parameters[static_cast<size_t>(n)];
    const std::string name = info.name;
    if (name == "gamma") parameters.gamma = info.default_value;
    if (name == "epsilon") parameters.epsilon = info.default_value;
    if (name == "q") parameters.q = info.default_value;
    if (name == "alpha") parameters.alpha = info.default_value;
    if (name == "beta" && form.targets != TargetRule::kSumToOne) {
      parameters.beta = info.default_value;
    }
    if (name == "target") parameters.target = info.default_value;
    if (name == "log_zero") parameters.log_zero = info.default_value;
    if (name == "gamma_positive") parameters.gamma_positive = info.default_value;
    if (name == "gamma_negative") parameters.gamma_negative = info.default_value;
    if (name == "margin") parameters.margin = info.default_value;
  }
  return parameters;
}

}  // namespace

oracle::Problem Draw(oracle::Activation activation, LabelKind labels, Shape shape, double scale,
                     Random& random) {
  oracle::Problem problem;
  problem.activation = activation;
  problem.logits = oracle::Matrix::from_shape({shape.rows, shape.classes});
  std::normal_distribution<double> normal(0, scale);
  for (double& z : problem.logits) z = normal(random);
  switch (labels) {
    case LabelKind::kClassIds: {
      std::uniform_int_distribution<int64_t> any_class(0, static_cast<int64_t>(shape.classes) - 1);
      problem.class_ids.emplace();
      for (size_t i = 0; i < shape.rows; ++i) problem.class_ids->push_back(any_class(random));
      break;
    }
    case LabelKind::kBinaryLabels: {
      std::bernoulli_distribution coin(0.4);
      problem.binary_labels = xt::xtensor<int64_t, 2>::from_shape({shape.rows, shape.classes});
      for (int64_t& label : *problem.binary_labels) label = coin(random) ? 1 : 0;
      break;
    }
    case LabelKind::kOneHotTargets:
    case LabelKind::kSoftTargets:
      DrawTargets(&problem, labels, random);
      break;
  }
  RoundToFloat(&problem);
  return problem;
}

oracle::Problem DrawWithTrueProbabilities(oracle::Activation activation,
                                          const std::vector<double>& probabilities, size_t classes,
                                          Random& random) {
  const auto log_odds = [](double p) { return std::log(p) - std::log1p(-p); };
  if (activation == oracle::Activation::kSigmoid) {
    oracle::Problem problem =
        Draw(activation, LabelKind::kBinaryLabels, {1, 2 * probabilities.size()}, 1, random);
    for (size_t n = 0; n < probabilities.size(); ++n) {
      problem.logits(0, 2 * n) = log_odds(probabilities[n]);
      (*problem.binary_labels)(0, 2 * n) = 1;
      problem.logits(0, 2 * n + 1) = -log_odds(probabilities[n]);
      (*problem.binary_labels)(0, 2 * n + 1) = 0;
    }
    RoundToFloat(&problem);
    return problem;
  }
  oracle::Problem problem =
      Draw(activation, LabelKind::kClassIds, {probabilities.size(), classes}, 1, random);
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const auto label = static_cast<size_t>((*problem.class_ids)[i]);
    double others = 0;
    for (size_t k = 0; k < classes; ++k) {
      if (k != label) others += std::exp(problem.logits(i, k));
    }
    problem.logits(i, label) = std::log(others) + log_odds(probabilities[i]);
  }
  RoundToFloat(&problem);
  return problem;
}

std::vector<FormChoice> FormChoices() {
  std::vector<FormChoice> choices;
  for (const FormInfo* info : Catalogue()) {
    if (info->of_ratio) continue;  // they take a rollout
    // It takes no integer labels, and is infinite where a target is 0.
    if (info->targets == TargetRule::kOfEveryClass) continue;
    FormChoice choice;
    choice.form = OracleForm(info->name);
    choice.parameters = DefaultsOf(*info);
    choice.has_softmax = info->activations != kernels::ActivationSet::kSigmoidOnly;
    choice.has_smoothing = info->smoothing == kernels::SmoothingRule::kAllowed;
    if (choice.parameters.detach_focusing) choice.parameters.gamma_positive = 1;
    if (choice.parameters.skew != 0.5) {
      for (const double skew : {0.01, 0.9}) {
        choice.parameters.skew = skew;
        choices.push_back(choice);
      }
      continue;
    }
    if (choice.form != oracle::Form::kFocal) {
      choices.push_back(choice);
      continue;
    }
    for (const double gamma : {0.0, 0.5, 1.0, 2.0, 5.0}) {
      choice.parameters.gamma = gamma;
      choices.push_back(choice);
    }
  }
  return choices;
}

std::vector<oracle::Activation> ActivationsOf(const FormChoice& choice) {
  if (!choice.has_softmax) return {oracle::Activation::kSigmoid};
  return {oracle::Activation::kSoftmax, oracle::Activation::kSigmoid};
}

void SetForm(const FormChoice& choice, oracle::Problem* problem) {
  problem->form = choice.form;
  problem->parameters = choice.parameters;
  if (choice.form != oracle::Form::kJensenShannon || !problem->targets ||
      problem->activation == oracle::Activation::kSigmoid) {
    return;
  }
  for (size_t i = 0; i < problem->rows(); ++i) {
    double total = 0;
    for (size_t k = 0; k < problem->classes(); ++k) total += (*problem->targets)(i, k);
    for (size_t k = 0; k < problem->classes(); ++k) (*problem->targets)(i, k) /= total;
  }
  RoundToFloat(problem);
}

}  // namespace lossd::loss
