#include "tests/oracle/information.h"

#include <cmath>
#include <cstddef>
#include <numeric>

namespace lossd::oracle {
namespace {

using Real = long double;

std::vector<Real> Normalized(const std::vector<double>& weights) {
  const Real total = std::accumulate(weights.begin(), weights.end(), Real{0});
  std::vector<Real> p;
  for (const double w : weights) p.push_back(w / total);
  return p;
}

// sum of p (log p - log q), where 0 log 0 = 0.
Real Divergence(const std::vector<Real>& p, const std::vector<Real>& q) {
  Real sum = 0;
  for (size_t k = 0; k < p.size(); ++k) {
    if (p[k] > 0) sum += p[k] * (std::log(p[k]) - std::log(q[k]));
  }
  return sum;
}

}  // namespace

Measures Measure(const std::vector<double>& p_weights, const std::vector<double>& q_weights) {
  const std::vector<Real> p = Normalized(p_weights);
  const std::vector<Real> q = Normalized(q_weights);
  std::vector<Real> middle;
  Measures m;
  Real entropy = 0;
  Real cross = 0;
  for (size_t k = 0; k < p.size(); ++k) {
    m.self_information.push_back(static_cast<double>(-std::log(p[k])));
    middle.push_back((p[k] + q[k]) / 2);
    if (p[k] > 0) {
      entropy -= p[k] * std::log(p[k]);
      cross -= p[k] * std::log(q[k]);
    }
  }
  m.entropy = static_cast<double>(entropy);
  m.cross_entropy = static_cast<double>(cross);
  m.kl_divergence = static_cast<double>(Divergence(p, q));
  m.jensen_shannon = static_cast<double>((Divergence(p, middle) + Divergence(q, middle)) / 2);
  return m;
}

}  // namespace lossd::oracle
