#include "server/loss/information.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>

namespace lossd::loss {
namespace {

using Row = absl::Span<const double>;

// One distribution: probabilities and their logarithms, in nats.
struct Distribution {
  std::vector<double> p;
  std::vector<double> log_p;
};

// Divides by the largest weight first: the sum of the weights themselves could overflow.
Distribution FromWeights(Row weights) {
  const double largest = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (const double w : weights) sum += w / largest;
  Distribution d;
  for (const double w : weights) {
    d.p.push_back(w / largest / sum);
    d.log_p.push_back(std::log(d.p.back()));
  }
  return d;
}

// Adds up all exponentials but the largest logit's, so that the most probable outcome keeps its
// digits.
Distribution FromLogits(Row logits) {
  const auto largest = std::max_element(logits.begin(), logits.end());
  double rest = 0;
  for (auto it = logits.begin(); it != logits.end(); ++it) {
    if (it != largest) rest += std::exp(*it - *largest);
  }
  const double log_total = std::log1p(rest);
  Distribution d;
  for (const double z : logits) {
    d.log_p.push_back((z - *largest) - log_total);
    d.p.push_back(std::exp(d.log_p.back()));
  }
  return d;
}

// Returns p · x, and 0 for p = 0 whatever x is: 0 log 0 = 0.
double ZeroWins(double p, double x) { return p == 0 ? 0 : p * x; }

double Entropy(const Distribution& p) {
  double sum = 0;
  for (size_t i = 0; i < p.p.size(); ++i) sum -= ZeroWins(p.p[i], p.log_p[i]);
  return sum;
}

double CrossEntropy(const Distribution& p, const Distribution& q) {
  double sum = 0;
  for (size_t i = 0; i < p.p.size(); ++i) sum -= ZeroWins(p.p[i], q.log_p[i]);
  return sum;
}

double KlDivergence(const Distribution& p, const Distribution& q) {
  double sum = 0;
  for (size_t i = 0; i < p.p.size(); ++i) sum += ZeroWins(p.p[i], p.log_p[i] - q.log_p[i]);
  return sum;
}

double JensenShannon(const Distribution& p, const Distribution& q) {
  Distribution m;
  for (size_t i = 0; i < p.p.size(); ++i) {
    m.p.push_back((p.p[i] + q.p[i]) / 2);
    m.log_p.push_back(std::log(m.p.back()));
  }
  return (KlDivergence(p, m) + KlDivergence(q, m)) / 2;
}

double NatsPerUnit(InformationBase base) {
  switch (base) {
    case InformationBase::kNat:
      return 1;
    case InformationBase::kBit:
      return std::log(2.0);
    case InformationBase::kHartley:
      return std::log(10.0);
  }
  return 1;
}

}  // namespace

Information MeasureInformation(absl::Span<const double> p, absl::Span<const double> q,
                               int64_t outcomes, const InformationOptions& options) {
  assert(outcomes >= 1);
  const auto width = static_cast<size_t>(outcomes);
  const double unit = NatsPerUnit(options.base);
  const auto distribution = [&](Row row) {
    return options.source == DistributionSource::kLogits ? FromLogits(row) : FromWeights(row);
  };
  Information result;
  for (size_t begin = 0; begin < p.size(); begin += width) {
    const Distribution row = distribution(p.subspan(begin, width));
    if (options.self_information) {
      for (const double log_p : row.log_p) {
        result.self_information.push_back(log_p == 0 ? 0 : -log_p / unit);
      }
    }
    result.entropy.push_back(Entropy(row) / unit);
    if (q.empty()) continue;
    const Distribution other = distribution(q.subspan(begin, width));
    result.cross_entropy.push_back(CrossEntropy(row, other) / unit);
    result.kl_divergence.push_back(KlDivergence(row, other) / unit);
    result.jensen_shannon.push_back(JensenShannon(row, other) / unit);
  }
  return result;
}

}  // namespace lossd::loss
