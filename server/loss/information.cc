#include "server/loss/information.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>

namespace lossd::loss {
namespace {

using Row = absl::Span<const double>;

// An outcome is so many numbers of work in a loop: it takes logarithms and exponentials.
constexpr int64_t kNumbersOfOutcome = 16;

// One distribution: probabilities and their logarithms, in nats.
struct Distribution {
  std::vector<double> p;
  std::vector<double> log_p;
};

Distribution WithRoom(size_t outcomes) {
  Distribution d;
  d.p.reserve(outcomes);
  d.log_p.reserve(outcomes);
  return d;
}

// Calls f(i) for each of `outcomes`, in their order.
template <typename F>
void ForEachOutcome(size_t outcomes, const Cancellation& cancellation, F f) {
  ForEachBlock(static_cast<int64_t>(outcomes), kNumbersOfOutcome, cancellation,
               [&](int64_t begin, int64_t end) {
                 for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) f(i);
               });
}

// Divides by the largest weight first: the sum of the weights themselves could overflow.
Distribution FromWeights(Row weights, const Cancellation& cancellation) {
  const double largest = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (const double w : weights) sum += w / largest;
  Distribution d = WithRoom(weights.size());
  ForEachOutcome(weights.size(), cancellation, [&](size_t i) {
    d.p.push_back(weights[i] / largest / sum);
    // A quotient below double's normal range has a logarithm all the same.
    const bool is_normal = weights[i] == 0 || d.p.back() >= std::numeric_limits<double>::min();
    d.log_p.push_back(is_normal ? std::log(d.p.back())
                                : std::log(weights[i]) - std::log(largest) - std::log(sum));
  });
  return d;
}

// Adds up all exponentials but the largest logit's, so that the most probable outcome keeps its
// digits.
Distribution FromLogits(Row logits, const Cancellation& cancellation) {
  const auto largest =
      static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  double rest = 0;
  ForEachOutcome(logits.size(), cancellation, [&](size_t i) {
    if (i != largest) rest += std::exp(logits[i] - logits[largest]);
  });
  const double log_total = std::log1p(rest);
  Distribution d = WithRoom(logits.size());
  ForEachOutcome(logits.size(), cancellation, [&](size_t i) {
    d.log_p.push_back((logits[i] - logits[largest]) - log_total);
    d.p.push_back(std::exp(d.log_p.back()));
  });
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

double JensenShannon(const Distribution& p, const Distribution& q,
                     const Cancellation& cancellation) {
  double of_p = 0;  // the divergence from the mean of both
  double of_q = 0;
  ForEachOutcome(p.p.size(), cancellation, [&](size_t i) {
    const double log_mean = std::log((p.p[i] + q.p[i]) / 2);
    of_p += ZeroWins(p.p[i], p.log_p[i] - log_mean);
    of_q += ZeroWins(q.p[i], q.log_p[i] - log_mean);
  });
  return (of_p + of_q) / 2;
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
                               int64_t outcomes, const InformationOptions& options,
                               const Cancellation& cancellation) {
  assert(outcomes >= 1);
  const auto width = static_cast<size_t>(outcomes);
  const double unit = NatsPerUnit(options.base);
  const auto distribution = [&](Row row) {
    return options.source == DistributionSource::kLogits ? FromLogits(row, cancellation)
                                                         : FromWeights(row, cancellation);
  };
  Information result;
  const auto measure = [&](size_t begin) {
    const Distribution row = distribution(p.subspan(begin, width));
    if (cancellation.seen()) return;
    if (options.self_information) {
      for (const double log_p : row.log_p) {
        result.self_information.push_back(log_p == 0 ? 0 : -log_p / unit);
      }
    }
    result.entropy.push_back(Entropy(row) / unit);
    if (q.empty()) return;
    const Distribution other = distribution(q.subspan(begin, width));
    if (cancellation.seen()) return;
    result.cross_entropy.push_back(CrossEntropy(row, other) / unit);
    result.kl_divergence.push_back(KlDivergence(row, other) / unit);
    result.jensen_shannon.push_back(JensenShannon(row, other, cancellation) / unit);
  };
  if (options.self_information) result.self_information.reserve(p.size());
  ForEachBlock(static_cast<int64_t>(p.size() / width), kNumbersOfOutcome * outcomes, cancellation,
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) {
                   measure(static_cast<size_t>(row) * width);
                 }
               });
  return result;
}

}  // namespace lossd::loss
