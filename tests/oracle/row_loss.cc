#include "tests/oracle/row_loss.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace lossd::oracle {
namespace {

std::vector<Real> Smoothed(const std::vector<Real>& targets, Real smoothing) {
  Real total = 0;
  for (const Real t : targets) total += t;
  std::vector<Real> smoothed;
  for (const Real t : targets) {
    smoothed.push_back((1 - smoothing) * t + smoothing / static_cast<Real>(targets.size()) * total);
  }
  return smoothed;
}

// The sum over all entries but one, for each entry: never by subtraction.
std::vector<Real> SumOfOthers(const std::vector<Real>& values) {
  std::vector<Real> sums(values.size(), 0);
  Real before = 0;
  for (size_t j = 0; j < values.size(); ++j) {
    sums[j] += before;
    before += values[j];
  }
  Real after = 0;
  for (size_t j = values.size(); j-- > 0;) {
    sums[j] += after;
    after += values[j];
  }
  return sums;
}

std::vector<Term> RowTerms(const Problem& problem, const Softmax& softmax,
                           const std::vector<Real>& targets,
                           const std::vector<double>& class_weights) {
  const size_t classes = targets.size();
  const std::vector<Real> smoothed = Smoothed(targets, problem.label_smoothing);
  Real total = 0;
  Real weighted = 0;
  for (size_t k = 0; k < classes; ++k) {
    total += targets[k];
    weighted += (class_weights.empty() ? 1 : class_weights[k]) * targets[k];
  }
  const Real whole_weight = total == 0 ? 0 : weighted / total;

  std::vector<Term> terms;
  if (!IsWeightedPerClass(problem.form)) {
    terms = TargetTerms(problem.form, problem.parameters, softmax.probabilities, smoothed);
    for (Term& term : terms) term = Scaled(term, whole_weight);
    return terms;
  }
  for (size_t k = 0; k < classes; ++k) {
    const Probability& p = softmax.probabilities[k];
    const Real weight = (class_weights.empty() ? 1 : class_weights[k]) * smoothed[k];
    Term term;
    if (weight != 0) term = Scaled(WeightedTerm(problem.form, problem.parameters, p), weight);
    if (problem.form == Form::kKlDivergence) {
      const Real constant = KlConstant(weight, smoothed[k]);
      term.value += constant;
      term.value_magnitude += std::abs(constant);
    }
    terms.push_back(term);
  }
  return terms;
}

// The chain rule through du_k/dz_j = delta_jk - p_j and d2u_k/dz_j2 = -p_j (1 - p_j).
RowLoss Differentiate(const std::vector<Term>& terms, const Softmax& softmax, Form form) {
  const size_t classes = terms.size();
  std::vector<Real> first;
  std::vector<Real> first_magnitude;
  std::vector<Real> second;
  std::vector<Real> second_positive;
  std::vector<Real> second_magnitude;
  RowLoss row;
  for (const Term& term : terms) {
    row.value += term.value;
    row.value_magnitude += term.value_magnitude;
    first.push_back(term.first);
    first_magnitude.push_back(term.first_magnitude);
    second.push_back(term.second);
    second_positive.push_back(std::max(term.second, Real{0}));
    second_magnitude.push_back(term.second_magnitude);
  }
  const std::vector<Real> other_first = SumOfOthers(first);
  const std::vector<Real> other_first_magnitude = SumOfOthers(first_magnitude);
  const std::vector<Real> other_second = SumOfOthers(second);
  const std::vector<Real> other_positive = SumOfOthers(second_positive);
  const std::vector<Real> other_magnitude = SumOfOthers(second_magnitude);
  for (size_t j = 0; j < classes; ++j) {
    const Real p = softmax.probabilities[j].value;
    const Real q = softmax.probabilities[j].complement;
    row.gradient.push_back(first[j] * q - p * other_first[j]);
    row.gradient_magnitude.push_back(first_magnitude[j] * q + p * other_first_magnitude[j]);
    const Real bend = p * q * (first[j] + other_first[j]);
    row.hessian.push_back(second[j] * q * q + other_second[j] * p * p - bend);
    const Real positive = second_positive[j] * q * q + other_positive[j] * p * p - bend;
    row.positive_hessian.push_back(IsWeightedPerClass(form) ? positive : row.hessian.back());
    row.hessian_magnitude.push_back(second_magnitude[j] * q * q + other_magnitude[j] * p * p +
                                    p * q * (first_magnitude[j] + other_first_magnitude[j]));
  }
  return row;
}

}  // namespace

RowLoss LossOfRow(const Problem& problem, const Softmax& softmax, const std::vector<Real>& targets,
                  const std::vector<double>& class_weights) {
  return Differentiate(RowTerms(problem, softmax, targets, class_weights), softmax, problem.form);
}

}  // namespace lossd::oracle
