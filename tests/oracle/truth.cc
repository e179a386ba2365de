#include "tests/oracle/truth.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "xtensor/xbuilder.hpp"

namespace lossd::oracle {
namespace {

// Tells whether the sample that holds the element weighs anything.
bool Weighs(const Problem& problem, size_t row, size_t k) {
  const bool per_row = problem.activation == Activation::kSoftmax;
  const size_t sample = per_row ? row : row * problem.classes() + k;
  return PerSample(problem.sample_weights, sample, problem.samples()) != 0;
}

}  // namespace

double PerSample(const std::vector<double>& values, size_t sample, size_t samples) {
  if (values.empty()) return 1;
  return values[sample / (samples / values.size())];
}

std::vector<Real> TeacherTargets(const Problem& problem, size_t row) {
  const Real temperature = problem.teacher_temperature.value_or(problem.temperature);
  Real largest = (*problem.teacher_logits)(row, 0);
  for (size_t k = 1; k < problem.classes(); ++k) {
    largest = std::max(largest, Real{(*problem.teacher_logits)(row, k)});
  }
  std::vector<Real> targets;
  Real sum = 0;
  for (size_t k = 0; k < problem.classes(); ++k) {
    targets.push_back(std::exp(((*problem.teacher_logits)(row, k) - largest) / temperature));
    sum += targets.back();
  }
  for (Real& target : targets) target /= sum;
  return targets;
}

Truth ReadLabels(const Problem& problem) {
  const size_t rows = problem.rows();
  const size_t classes = problem.classes();
  Truth truth;
  truth.targets = xt::zeros<double>({rows, classes});
  truth.is_valid = xt::ones<bool>({rows, classes});
  for (size_t i = 0; i < rows; ++i) {
    std::vector<Real> taught;
    if (problem.teacher_logits) taught = TeacherTargets(problem, i);
    for (size_t k = 0; k < classes; ++k) {
      truth.is_valid(i, k) = Weighs(problem, i, k);
      if (!truth.is_valid(i, k)) continue;
      if (problem.teacher_logits) {
        truth.targets(i, k) = static_cast<double>(taught[k]);
        continue;
      }
      if (problem.targets) {
        truth.targets(i, k) = (*problem.targets)(i, k);
        continue;
      }
      const int64_t label =
          problem.class_ids ? (*problem.class_ids)[i] : (*problem.binary_labels)(i, k);
      if (problem.ignore_index && label == *problem.ignore_index) {
        truth.is_valid(i, k) = false;
      } else if (problem.class_ids) {
        truth.targets(i, k) = label == static_cast<int64_t>(k) ? 1 : 0;
      } else {
        truth.targets(i, k) = static_cast<double>(label);
      }
    }
  }
  return truth;
}

bool HasOneLogit(const Problem& problem) {
  return problem.activation == Activation::kSigmoid && problem.classes() == 1;
}

std::vector<double> CountClasses(const Problem& problem) {
  const Truth truth = ReadLabels(problem);
  std::vector<double> counts(HasOneLogit(problem) ? 2 : problem.classes(), 0.0);
  for (size_t i = 0; i < problem.rows(); ++i) {
    for (size_t k = 0; k < problem.classes(); ++k) {
      if (!truth.is_valid(i, k)) continue;
      if (HasOneLogit(problem)) {
        counts[0] += 1 - truth.targets(i, k);
        counts[1] += truth.targets(i, k);
      } else {
        counts[k] += truth.targets(i, k);
      }
    }
  }
  return counts;
}

}  // namespace lossd::oracle
