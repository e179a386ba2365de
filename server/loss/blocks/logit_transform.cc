#include "server/loss/blocks/logit_transform.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

namespace lossd::loss {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// Returns f of each count, in their order.
template <typename F>
std::vector<double> ForEachCount(const std::vector<double>& counts,
                                 const Cancellation& cancellation, F f) {
  std::vector<double> results;
  results.reserve(counts.size());
  ForEachBlock(static_cast<int64_t>(counts.size()), 1, cancellation,
               [&](int64_t begin, int64_t end) {
                 for (int64_t k = begin; k < end; ++k) {
                   results.push_back(f(counts[static_cast<size_t>(k)]));
                 }
               });
  return results;
}

std::vector<double> Constants(std::monostate, const Cancellation&) { return {}; }

std::vector<double> Constants(const PriorAdjustment& prior, const Cancellation& cancellation) {
  const double total = std::accumulate(prior.counts.begin(), prior.counts.end(), 0.0);
  return ForEachCount(prior.counts, cancellation, [&](double n) {
    return n > 0 ? prior.tau * std::log(n / total) : kMinusInfinity;
  });
}

std::vector<double> Constants(const MarginAdjustment& margin, const Cancellation& cancellation) {
  double least = std::numeric_limits<double>::infinity();
  for (const double n : margin.counts) {
    if (n > 0) least = std::min(least, n);
  }
  return ForEachCount(margin.counts, cancellation, [&](double n) {
    return n > 0 ? margin.max_margin * std::pow(n / least, -0.25) : margin.max_margin;
  });
}

std::vector<double> Constants(const SeesawAdjustment& seesaw, const Cancellation& cancellation) {
  return ForEachCount(seesaw.counts, cancellation,
                      [](double n) { return std::log(std::max(n, 1.0)); });
}

double LogSumExp(absl::Span<const double> logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double z : logits) sum += std::exp(z - max);
  return max + std::log(sum);
}

}  // namespace

LogitTransform::LogitTransform(const LossSpec& spec, const Cancellation& cancellation)
    : softcap_(spec.softcap),
      temperature_(spec.temperature == 0 ? 1 : spec.temperature),
      adjustment_(spec.logit_adjustment),
      identity_(softcap_ == 0 && temperature_ == 1 &&
                std::holds_alternative<std::monostate>(adjustment_)),
      constants_(
          std::visit([&](const auto& a) { return Constants(a, cancellation); }, adjustment_)) {}

// Applies c tanh(z / c); -inf, a class that cannot be, stays -inf.
void LogitTransform::ApplySoftcap(absl::Span<double> logits, absl::Span<double> first,
                                  absl::Span<double> second) const {
  for (size_t k = 0; k < logits.size(); ++k) {
    if (logits[k] == kMinusInfinity) {
      first[k] = 0;
      continue;
    }
    const double x = logits[k] / softcap_;
    const double tanh = std::tanh(x);
    // 1 - tanh² without cancellation where it is small.
    const double slope = 1 / (std::cosh(x) * std::cosh(x));
    logits[k] = softcap_ * tanh;
    first[k] = slope;
    second[k] = -2 * tanh * slope / softcap_;
  }
}

void LogitTransform::AddSeesaw(int64_t true_class, absl::Span<double> logits) const {
  const auto& seesaw = std::get<SeesawAdjustment>(adjustment_);
  const auto t = static_cast<size_t>(true_class);
  const double log_sum_exp = LogSumExp(logits);
  const double log_truth = std::max(logits[t] - log_sum_exp, std::log(seesaw.eps));
  for (size_t j = 0; j < logits.size(); ++j) {
    if (j == t) continue;
    const double mitigation = std::min(0.0, constants_[j] - constants_[t]);
    const double compensation = std::max(0.0, logits[j] - log_sum_exp - log_truth);
    logits[j] += seesaw.p * mitigation + seesaw.q * compensation;
  }
}

void LogitTransform::Apply(int64_t true_class, absl::Span<double> logits, absl::Span<double> first,
                           absl::Span<double> second) const {
  std::fill(first.begin(), first.end(), 1.0);
  std::fill(second.begin(), second.end(), 0.0);
  if (softcap_ != 0) ApplySoftcap(logits, first, second);
  double scale = 1 / temperature_;
  for (double& z : logits) z /= temperature_;
  if (std::holds_alternative<PriorAdjustment>(adjustment_)) {
    for (size_t k = 0; k < logits.size(); ++k) logits[k] += constants_[k];
  } else if (const auto* margin = std::get_if<MarginAdjustment>(&adjustment_)) {
    if (true_class >= 0) {
      const auto t = static_cast<size_t>(true_class);
      logits[t] -= constants_[t];
    }
    for (double& z : logits) z *= margin->scale;
    scale *= margin->scale;
  } else if (std::holds_alternative<SeesawAdjustment>(adjustment_) && true_class >= 0) {
    AddSeesaw(true_class, logits);
  }
  if (scale == 1) return;
  for (size_t k = 0; k < logits.size(); ++k) {
    first[k] *= scale;
    second[k] *= scale;
  }
}

}  // namespace lossd::loss
