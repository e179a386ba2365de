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

// Returns ln(n / total), of a quotient below double's normal range too.
double LogFrequency(double n, Wide total) {
  const double frequency = n / static_cast<double>(total);
  if (frequency >= std::numeric_limits<double>::min()) return std::log(frequency);
  return static_cast<double>(std::log(Wide{n}) - std::log(total));
}

std::vector<double> Constants(std::monostate, const Cancellation&) { return {}; }

std::vector<double> Constants(const PriorAdjustment& prior, const Cancellation& cancellation) {
  Wide total = std::accumulate(prior.counts.begin(), prior.counts.end(), 0.0);
  if (std::isinf(total)) {
    total = std::accumulate(prior.counts.begin(), prior.counts.end(), Wide{0});
  }
  return ForEachCount(prior.counts, cancellation, [&](double n) {
    return n > 0 ? prior.tau * LogFrequency(n, total) : kMinusInfinity;
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

template <typename Number>
Number LogSumExp(absl::Span<const Number> logits) {
  const Number max = *std::max_element(logits.begin(), logits.end());
  Number sum = 0;
  for (const Number z : logits) sum += std::exp(z - max);
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
          std::visit([&](const auto& a) { return Constants(a, cancellation); }, adjustment_)) {
  FindSlopes();
  const auto* margin = std::get_if<MarginAdjustment>(&adjustment_);
  if (margin == nullptr) return;
  margins_.reserve(constants_.size());
  ForEachBlock(static_cast<int64_t>(constants_.size()), 1, cancellation,
               [&](int64_t begin, int64_t end) {
                 for (int64_t k = begin; k < end; ++k) {
                   margins_.push_back(margin->scale * constants_[static_cast<size_t>(k)]);
                 }
               });
}

bool LogitTransform::IsShape() const {
  // A number that is added is rounded to a float: one so large would cost digits that its sum has.
  constexpr double kLargest = 64;
  constexpr OrdinaryRange kScales = {0x1p-20, 0x1p20};
  const auto is_large = [](double number) { return !(std::abs(number) <= kLargest); };
  if (exponent_ != 0) return false;
  if (const auto* seesaw = std::get_if<SeesawAdjustment>(&adjustment_)) {
    const double most = *std::max_element(constants_.begin(), constants_.end());
    if (is_large(seesaw->p * most) || is_large(seesaw->q * std::log(seesaw->eps))) return false;
  }
  if (!kScales.Has(first_slope_) || !kScales.HasOrZero(softcap_)) return false;
  return std::none_of(margins_.begin(), margins_.end(), is_large) &&
         std::none_of(addends().begin(), addends().end(),
                      [&](double b) { return b != kMinusInfinity && is_large(b); });
}

bool LogitTransform::IsScale() const {
  return softcap_ == 0 && std::holds_alternative<std::monostate>(adjustment_) && IsShape();
}

absl::Span<const double> LogitTransform::log_counts() const {
  if (seesaw() == nullptr) return {};
  return constants_;
}

absl::Span<const double> LogitTransform::addends() const {
  if (!std::holds_alternative<PriorAdjustment>(adjustment_)) return {};
  return constants_;
}

void LogitTransform::FindSlopes() {
  const auto* margin = std::get_if<MarginAdjustment>(&adjustment_);
  const double scale = margin == nullptr ? 1 : margin->scale;
  first_slope_ = second_slope_ = 1 / temperature_ * scale;
  const OrdinaryRange range = OrdinaryRangeOf(sizeof(double));
  if (range.Has(temperature_) && range.Has(scale)) return;
  const Wide slope = Wide{scale} / temperature_;
  // No less: 2^(-2 exponent) times the slope has to be a double.
  exponent_ = std::max(std::ilogb(slope), -1000);
  first_slope_ = Scaled(slope, -exponent_);
  second_slope_ = Scaled(slope, -2 * exponent_);
}

// Returns c tanh(z / c), and z where the quotient would lose digits below the normal range; -inf, a
// class that cannot be, stays -inf.
double LogitTransform::Cap(double z) const {
  const double x = z / softcap_;
  const bool keeps = z == kMinusInfinity || std::abs(x) < std::numeric_limits<double>::min();
  return keeps ? z : softcap_ * std::tanh(x);
}

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
    logits[k] = std::abs(x) < std::numeric_limits<double>::min() ? logits[k] : softcap_ * tanh;
    first[k] = slope;
    second[k] = -2 * tanh * slope / softcap_;
  }
}

template <typename Number>
void LogitTransform::AddSeesaw(int64_t true_class, absl::Span<Number> logits) const {
  const auto& seesaw = std::get<SeesawAdjustment>(adjustment_);
  const auto t = static_cast<size_t>(true_class);
  const Number zero(0);
  const auto log_sum_exp = LogSumExp<Number>(logits);
  const Number log_truth = std::max<Number>(logits[t] - log_sum_exp, std::log(seesaw.eps));
  for (size_t j = 0; j < logits.size(); ++j) {
    if (j == t) continue;
    const double mitigation = std::min(0.0, constants_[j] - constants_[t]);
    const Number compensation = std::max(zero, logits[j] - log_sum_exp - log_truth);
    logits[j] += Number(seesaw.p) * Number(mitigation) + Number(seesaw.q) * compensation;
  }
}

template <typename Number>
void LogitTransform::Adjust(int64_t true_class, absl::Span<Number> logits) const {
  for (Number& z : logits) z /= Number(temperature_);
  if (std::holds_alternative<PriorAdjustment>(adjustment_)) {
    for (size_t k = 0; k < logits.size(); ++k) logits[k] += Number(constants_[k]);
  } else if (const auto* margin = std::get_if<MarginAdjustment>(&adjustment_)) {
    if (true_class >= 0) {
      const auto t = static_cast<size_t>(true_class);
      logits[t] -= Number(constants_[t]);
    }
    for (Number& z : logits) z *= Number(margin->scale);
  } else if (std::holds_alternative<SeesawAdjustment>(adjustment_) && true_class >= 0) {
    AddSeesaw(true_class, logits);
  }
}

void LogitTransform::Apply(int64_t true_class, absl::Span<double> logits, absl::Span<double> first,
                           absl::Span<double> second) const {
  std::fill(first.begin(), first.end(), 1.0);
  std::fill(second.begin(), second.end(), 0.0);
  if (softcap_ != 0) ApplySoftcap(logits, first, second);
  Adjust(true_class, logits);
  if (first_slope_ == 1 && second_slope_ == 1) return;
  for (size_t k = 0; k < logits.size(); ++k) {
    first[k] *= first_slope_;
    second[k] *= second_slope_;
  }
}

std::optional<Wide> LogitTransform::ApplyBelowLargest(int64_t true_class,
                                                      absl::Span<double> logits) const {
  constexpr double kLargest = std::numeric_limits<double>::max();
  std::vector<Wide> adjusted;
  adjusted.reserve(logits.size());
  for (const double z : logits) {
    if (!(z <= kLargest)) return std::nullopt;
    adjusted.push_back(softcap_ == 0 ? z : Cap(z));
  }
  Adjust(true_class, absl::MakeSpan(adjusted));
  const Wide largest = *std::max_element(adjusted.begin(), adjusted.end());
  if (!std::isfinite(largest)) return std::nullopt;
  for (size_t k = 0; k < logits.size(); ++k) {
    logits[k] = static_cast<double>(adjusted[k] - largest);
  }
  return largest;
}

}  // namespace lossd::loss
