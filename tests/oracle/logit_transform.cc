#include "tests/oracle/logit_transform.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace lossd::oracle {
namespace {

void AddSeesaw(const Seesaw& seesaw, size_t truth, std::vector<Real>& logits) {
  const Softmax before = SoftmaxOf(logits);
  const auto log_count = [&](size_t k) { return std::log(std::max<Real>(seesaw.counts[k], 1)); };
  const Real log_truth =
      std::max(before.probabilities[truth].log, std::log(static_cast<Real>(seesaw.eps)));
  for (size_t j = 0; j < logits.size(); ++j) {
    if (j == truth) continue;
    logits[j] += seesaw.p * std::min<Real>(0, log_count(j) - log_count(truth)) +
                 seesaw.q * std::max<Real>(0, before.probabilities[j].log - log_truth);
  }
}

}  // namespace

TransformedLogits TransformLogits(const Problem& problem, const std::vector<Real>& logits,
                                  size_t truth) {
  TransformedLogits result;
  const Real scale = (problem.label_margin ? Real{problem.label_margin->scale} : Real{1}) /
                     Real{problem.temperature};
  for (const Real z : logits) {
    const Real c = problem.softcap;
    Real value = z;
    Real slope = 1;
    Real bend = 0;
    if (c != 0 && !(std::isinf(z) && z < 0)) {
      const Real cosh = std::cosh(z / c);
      value = c * std::tanh(z / c);
      slope = 1 / cosh / cosh;
      bend = -2 * std::tanh(z / c) * slope / c;
    } else if (c != 0) {
      slope = 0;
    }
    result.values.push_back(value * scale);
    result.first.push_back(slope * scale);
    result.second.push_back(bend * scale);
  }
  if (problem.prior) {
    Real total = 0;
    for (const double n : problem.prior->counts) total += n;
    for (size_t k = 0; k < logits.size(); ++k) {
      result.values[k] += problem.prior->tau * std::log(problem.prior->counts[k] / total);
    }
  }
  if (problem.label_margin) {
    Real least = std::numeric_limits<Real>::infinity();
    for (const double n : problem.label_margin->counts) {
      if (n > 0) least = std::min<Real>(least, n);
    }
    const Real n = problem.label_margin->counts[truth];
    const Real part = n > 0 ? std::pow(n / least, Real{-0.25L}) : Real{1};
    result.values[truth] -= problem.label_margin->max_margin * part * problem.label_margin->scale;
  }
  if (problem.seesaw) AddSeesaw(*problem.seesaw, truth, result.values);
  return result;
}

void GoBack(const Problem& problem, const Softmax& softmax, const TransformedLogits& logits,
            RowLoss& row) {
  const Real lambda = problem.z_loss;
  const Real slope = 2 * lambda * softmax.log_sum_exp;
  const Real square = lambda * softmax.log_sum_exp * softmax.log_sum_exp;
  row.value += lambda == 0 ? 0 : square;
  row.value_magnitude += lambda == 0 ? 0 : square;
  for (size_t j = 0; j < row.gradient.size(); ++j) {
    const Real p = softmax.probabilities[j].value;
    const Real pq = p * softmax.probabilities[j].complement;
    const Real first = logits.first[j];
    const Real second = logits.second[j];
    const Real added = lambda == 0 ? 0 : 2 * lambda * p * p + slope * pq;
    if (lambda != 0) row.gradient[j] += slope * p;
    if (lambda != 0) row.gradient_magnitude[j] += std::abs(slope) * p;
    const auto by_request = [&](Real h) {
      return (h + added) * first * first + row.gradient[j] * second;
    };
    row.hessian[j] = by_request(row.hessian[j]);
    row.positive_hessian[j] = std::abs(by_request(row.positive_hessian[j]));
    row.hessian_magnitude[j] =
        (row.hessian_magnitude[j] + (lambda == 0 ? 0 : 2 * lambda * p * p + std::abs(slope) * pq)) *
            first * first +
        row.gradient_magnitude[j] * std::abs(second);
    row.gradient[j] *= first;
    row.gradient_magnitude[j] *= first;
  }
}

}  // namespace lossd::oracle
