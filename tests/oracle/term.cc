#include "tests/oracle/term.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>

namespace lossd::oracle {
namespace {

constexpr Real kNan = std::numeric_limits<Real>::quiet_NaN();

// Powers of what is smaller than this overflow before the factor that takes them back to 0 is met.
// Every product that they end in is far below the smallest double.
constexpr Real kVanished = 1e-1500L;

// p - y without cancellation where both are close to 1.
Real Difference(const Probability& p, Real target) {
  return p.value < 0.5L ? p.value - target : (1 - target) - p.complement;
}
// The sum of the operands of that subtraction: what its rounding error is in proportion to.
Real DifferenceMagnitude(const Probability& p, Real target) {
  return p.value < 0.5L ? p.value + target : (1 - target) + p.complement;
}

Term CrossEntropy(const Probability& p) { return {-p.log, -1, 0, -p.log, 1, 0}; }

// phi = -(1 - p)^gamma u; dp/du = p, d(1 - p)/du = -p.
Term Focal(Real gamma, const Probability& p) {
  if (gamma == 0) return CrossEntropy(p);
  const Real q = p.complement;
  // The poles of phi' and phi'' at p = 1 meet (delta - p_j) and its square.
  if (q < kVanished) return {};
  const Real pu = p.value == 0 ? 0 : p.value * p.log;
  const Real power = std::pow(q, gamma);
  const Real power1 = std::pow(q, gamma - 1);
  const Real power2 = std::pow(q, gamma - 2);
  Term t;
  t.value = -power * p.log;
  t.first = gamma * power1 * pu - power;
  t.second = gamma * (power1 * (pu + 2 * p.value) - (gamma - 1) * power2 * p.value * pu);
  t.value_magnitude = t.value;
  t.first_magnitude = gamma * power1 * std::abs(pu) + power;
  t.second_magnitude = gamma * (power1 * (std::abs(pu) + 2 * p.value) +
                                std::abs(gamma - 1) * power2 * p.value * std::abs(pu));
  return t;
}

// -u - (1 - p) >= 0, which is q^2/2 + q^3/3 + ... of q = 1 - p.
Real LogExcess(const Probability& p) {
  const Real q = p.complement;
  if (q > 0.01L) return -p.log - q;
  Real sum = 0;
  for (int n = 12; n >= 2; --n) sum = (sum + 1.0L / n) * q;
  return sum * q;
}

// phi = -u + epsilon (1 - p), rearranged so that nothing cancels for epsilon near -1.
Term Poly1(Real epsilon, const Probability& p) {
  Term t;
  t.value = (1 + epsilon) * p.complement + LogExcess(p);
  t.first = -(1 + epsilon) * p.value - p.complement;
  t.second = -epsilon * p.value;
  t.value_magnitude = -p.log + std::abs(epsilon) * p.complement;
  t.first_magnitude = 1 + std::abs(epsilon) * p.value;
  t.second_magnitude = std::abs(epsilon) * p.value;
  return t;
}

Term GeneralizedCrossEntropy(Real q, const Probability& p) {
  const Real power = std::exp(q * p.log);
  const Real value = -std::expm1(q * p.log) / q;
  return {value, -power, -q * power, value, power, q * power};
}

// A function f of one class's probability p, given its target y.
struct OfProbability {
  Real value = 0;
  Real slope = 0;      // df/dp
  Real curvature = 0;  // p^2 d^2f/dp^2
  Real value_magnitude = 0;
  Real slope_magnitude = 0;
};

// f = (p - y)^2
OfProbability SquaredError(const Probability& p, Real target) {
  const Real d = Difference(p, target);
  const Real sum = DifferenceMagnitude(p, target);
  return {d * d, 2 * d, 2 * p.value * p.value, std::abs(d) * sum, 2 * sum};
}

// f = -alpha y log p - beta p max(log y, log_zero). The slope is the second part's alone: the
// first part is added as cross entropy.
OfProbability ReverseCrossEntropy(const Parameters& parameters, const Probability& p, Real target) {
  const Real log_zero = parameters.log_zero;
  const Real log_target = target > 0 ? std::max(std::log(target), log_zero) : log_zero;
  const Real slope = -parameters.beta * log_target;
  return {slope * p.value, slope, 0, std::abs(slope * p.value), std::abs(slope)};
}

// f = (y log(y/m) + p log(p/m)) / 2, m = (y + p) / 2. With r = (p - y) / (p + y) and s = p + y:
// y = s (1 - r) / 2, p = s (1 + r) / 2, f = s ((1 - r) log(1 - r) + (1 + r) log(1 + r)) / 4.
// df/dp = log(p/m) / 2 and d2f/dp2 = y / (2 p (p + y)).
OfProbability JensenShannon(const Probability& p, Real target) {
  const Real s = p.value + target;
  if (s == 0) return {};
  const Real r = Difference(p, target) / s;
  // log(p/m) and log(y/m), each from whichever is not the small difference of large numbers.
  // With y = 0 it is log 2 whatever p is, so that equal slopes are equal to the last bit.
  const Real near_log_p = r > -0.5L ? std::log1p(r) : p.log + std::log(2 / s);
  const Real log_p = target == 0 ? std::log(2.0L) : near_log_p;
  const Real log_y = r < 0.5L ? std::log1p(-r) : std::log(2 * target / s);
  OfProbability f;
  if (std::abs(r) < 1e-3L) {
    const Real r2 = r * r;  // sum over k of r^2k / (k (2k - 1))
    f.value = s / 4 * r2 * (1 + r2 * (1.0L / 6 + r2 * (1.0L / 15 + r2 * (1.0L / 28))));
  } else {
    f.value = ((target == 0 ? 0 : target * log_y) + (p.value == 0 ? 0 : p.value * log_p)) / 2;
  }
  f.slope = p.value == 0 ? 0 : log_p / 2;  // met with p = 0 as a factor
  f.curvature = p.value * target / (2 * s);
  // Near r = 0 the value is s r^2 / 4 and the slope r / 2, of an r that cancels.
  f.value_magnitude = f.value * std::max(Real{1}, r == 0 ? 1 : 1 / std::abs(r));
  f.slope_magnitude = std::max(std::abs(f.slope), 0.5L);
  return f;
}

// a log(a/m) - a + m >= 0 of a difference m - a = d.
Real Bregman(Real a, Real m, Real d) {
  if (a < kVanished) return m;
  const Real r = d / a;
  if (std::abs(r) >= 1e-3L) return a * (r - std::log1p(r));
  Real sum = 0;
  for (int n = 10; n >= 2; --n) sum = 1.0L / n - r * sum;
  return a * r * r * sum;
}

// f = beta y log(y/m) + (1 - beta) p log(p/m), m = beta y + (1 - beta) p. What each part lacks of
// its Bregman divergence adds up to 0. df/dp = (1 - beta) log(p/m) and
// p^2 d2f/dp2 = beta (1 - beta) p y / m.
OfProbability SkewedJensenShannon(Real beta, const Probability& p, Real target) {
  const Real rest = 1 - beta;
  const Real m = beta * target + rest * p.value;
  if (m == 0) return {};
  const Real d = Difference(p, target);
  const Real near = p.value == 0 ? 1 : -beta * d / p.value;
  const Real other = std::abs(near) < 0.5L ? -std::log1p(near) : p.log - std::log(m);
  const Real log_p = target == 0 ? -std::log(rest) : other;
  OfProbability f;
  f.value = beta * Bregman(target, m, rest * d) + rest * Bregman(p.value, m, -beta * d);
  f.slope = p.value == 0 ? 0 : rest * log_p;  // met with p = 0 as a factor
  f.curvature = beta * rest * p.value * target / m;
  const Real y_part = target == 0 ? 0 : target * std::abs(std::log(target / m));
  const Real p_part = p.value == 0 ? 0 : p.value * std::abs(log_p);
  f.value_magnitude = std::max(f.value, beta * y_part + rest * p_part);
  f.slope_magnitude = std::max(std::abs(f.slope), rest);
  return f;
}

// f = p log(p/y); of df/dp = log(p/y) + 1 the 1 is the same for all classes.
OfProbability ReverseKlDivergence(const Probability& p, Real target) {
  if (p.value == 0) return {};
  if (target == 0) return {std::numeric_limits<Real>::infinity(), kNan, kNan, kNan, kNan};
  const Real near = Difference(p, target) / target;
  const Real ratio = std::abs(near) < 0.5L ? std::log1p(near) : p.log - std::log(target);
  // The smoothed target that the ratio is to is rounded.
  const Real magnitude = std::max(std::abs(ratio), 1e-3L);
  return {p.value * ratio, ratio, p.value, p.value * magnitude, magnitude};
}

OfProbability Evaluate(Form form, const Parameters& parameters, const Probability& p, Real target) {
  switch (form) {
    case Form::kSquaredError:
      return SquaredError(p, target);
    case Form::kSymmetricCrossEntropy:
      return ReverseCrossEntropy(parameters, p, target);
    case Form::kJensenShannon:
      if (parameters.skew != 0.5) return SkewedJensenShannon(parameters.skew, p, target);
      return JensenShannon(p, target);
    case Form::kReverseKlDivergence:
      return ReverseKlDivergence(p, target);
    default:
      throw std::invalid_argument("not a sum of functions of p and target");
  }
}

// Returns φ(log σ(sign·z)) and its derivatives as functions of z. `p` is σ(sign·z).
Element OfLogit(const Term& t, const Probability& p, Real sign) {
  const Real pq = p.value * p.complement;
  const Real square = p.complement * p.complement;
  // A pole of phi'' beside a complement of 0 was taken out by the term.
  Element e;
  e.value = t.value;
  e.gradient = sign * t.first * p.complement;
  e.hessian = t.second * square - t.first * pq;
  e.positive_hessian = std::max(t.second, Real{0}) * square - t.first * pq;
  e.value_magnitude = t.value_magnitude;
  e.gradient_magnitude = t.first_magnitude * p.complement;
  e.hessian_magnitude = t.second_magnitude * square + t.first_magnitude * pq;
  return e;
}

Element Sum(const Element& a, const Element& b) {
  return {a.value + b.value,
          a.gradient + b.gradient,
          a.hessian + b.hessian,
          a.positive_hessian + b.positive_hessian,
          a.value_magnitude + b.value_magnitude,
          a.gradient_magnitude + b.gradient_magnitude,
          a.hessian_magnitude + b.hessian_magnitude};
}

Element ScaledElement(const Element& e, Real factor) {
  if (factor == 0) return {};
  return {factor * e.value,
          factor * e.gradient,
          factor * e.hessian,
          factor * e.positive_hessian,
          factor * e.value_magnitude,
          factor * e.gradient_magnitude,
          factor * e.hessian_magnitude};
}

// |h| instead of the positive part of phi'': for the forms that are not sums of a_k phi(log p_k).
Element WithAbsoluteHessian(Element e) {
  e.positive_hessian = std::abs(e.hessian);
  return e;
}

// A product w(z) b(z) from the values and the first two derivatives of its factors.
struct Factor {
  Real value = 0;
  Real first = 0;
  Real second = 0;
  Real first_error = 0;  // where `first` is a difference, the sum of its operands
};
Element Product(const Factor& w, const Factor& b) {
  Element e;
  e.value = w.value * b.value;
  e.gradient = w.first * b.value + w.value * b.first;
  e.hessian = w.second * b.value + 2 * w.first * b.first + w.value * b.second;
  e.value_magnitude = std::abs(e.value);
  const Real b_first = std::max(std::abs(b.first), b.first_error);
  e.gradient_magnitude = std::abs(w.first * b.value) + std::abs(w.value) * b_first;
  e.hessian_magnitude =
      std::abs(w.second * b.value) + std::abs(2 * w.first) * b_first + std::abs(w.value * b.second);
  return e;
}

// Raises the magnitudes of what is made of a difference whose operands' absolute sum is `sum`.
Element WithCancellation(Element e, Real sum, Real difference) {
  const Real factor = difference == 0 ? 1 : std::max(Real{1}, sum / std::abs(difference));
  e.value_magnitude *= factor;
  e.gradient_magnitude *= factor;
  e.hessian_magnitude *= factor;
  return e;
}

// Binary cross entropy -y log p - (1 - y) log(1 - p): derivatives p - y and p (1 - p).
Factor BinaryCrossEntropy(const Probability& p, const Probability& n, Real target) {
  const Real positive = target == 0 ? 0 : -target * p.log;
  const Real negative = target == 1 ? 0 : -(1 - target) * n.log;
  return {positive + negative, Difference(p, target), p.value * p.complement,
          DifferenceMagnitude(p, target)};
}

Element SquaredErrorElement(const Probability& p, Real target) {
  const Real d = Difference(p, target);
  const Real slope = p.value * p.complement;
  const Real bend = slope * (p.complement - p.value);
  const Factor factor = {d, slope, bend};
  return WithCancellation(Product(factor, factor), DifferenceMagnitude(p, target), d);
}

// x^power as a function of z, where dx/dz = d1 and d2x/dz2 = d2.
Factor Power(Real x, Real d1, Real d2, Real power) {
  if (power == 0) return {1, 0, 0};
  if (power == 1) return {x, d1, d2};
  // Where x vanishes, so do its derivatives, or the power is at least 2.
  if (x < kVanished) return {0, 0, power == 2 ? 2 * d1 * d1 : 0};
  const Real slope = power * std::pow(x, power - 1);
  return {std::pow(x, power), slope * d1,
          power * (power - 1) * std::pow(x, power - 2) * d1 * d1 + slope * d2};
}

// First and second derivative of p by z.
Real Slope(const Probability& p) { return p.value * p.complement; }
Real Bend(const Probability& p) { return Slope(p) * (p.complement - p.value); }

Element QualityFocal(Real beta, const Probability& p, const Probability& n, Real target) {
  const Factor bce = BinaryCrossEntropy(p, n, target);
  const Real d = Difference(p, target);
  const Real sign = d < 0 ? -1 : 1;
  if (d == 0 && beta != 0 && beta < 2) return {};
  const Element e = Product(Power(std::abs(d), sign * Slope(p), sign * Bend(p), beta), bce);
  return beta == 0 ? e : WithCancellation(e, DifferenceMagnitude(p, target), d);
}

Element Varifocal(Real alpha, Real gamma, const Probability& p, const Probability& n, Real target,
                  Real given) {
  const Factor bce = BinaryCrossEntropy(p, n, target);
  if (given > 0) return Product({target, 0, 0}, bce);
  return ScaledElement(Product(Power(p.value, Slope(p), Bend(p), gamma), bce), alpha);
}

// (M)^gamma BCE, M = y (1 - p) + (1 - y) p.
Element BlendedFocal(Real gamma, const Probability& p, const Probability& n, Real target) {
  const Factor bce = BinaryCrossEntropy(p, n, target);
  const Real m = target * p.complement + (1 - target) * p.value;
  const Real sign = 1 - 2 * target;
  if (m == 0 && gamma > 0) return {};
  return Product(Power(m, sign * Slope(p), sign * Bend(p), gamma), bce);
}

// The positive side of the asymmetric loss, (1 - p)^gamma (-log p), with a factor that is a number.
Term DetachedPositive(Real gamma, const Probability& p) {
  return Scaled(CrossEntropy(p), gamma == 0 ? 1 : std::pow(p.complement, gamma));
}

// Returns p_m^gamma times -log(1 - p_m). Detached, p_m^gamma is a number.
Element Focused(const Parameters& parameters, Real shifted, const Probability& p,
                const Factor& log_loss) {
  const Real gamma = parameters.gamma_negative;
  if (!parameters.detach_focusing) {
    return Product(Power(shifted, Slope(p), Bend(p), gamma), log_loss);
  }
  const Real factor = gamma == 0 ? 1 : std::pow(shifted, gamma);
  const Real rest = p.complement + parameters.margin;
  const Real slope = Slope(p) / rest;
  Element e = Product({factor, 0, 0}, log_loss);
  e.hessian_magnitude = factor * (std::abs(Bend(p)) / rest + slope * slope);
  return e;
}

// The negative side of the asymmetric loss: p_m^gamma (-log(1 - p_m)).
Element AsymmetricNegative(const Parameters& parameters, const Probability& p,
                           const Probability& n) {
  const Real margin = parameters.margin;
  const Real shifted = p.value - margin;
  if (shifted <= 0) return {};
  const Real rest = p.complement + margin;  // 1 - p_m
  const Real slope = Slope(p);
  const Real bend = Bend(p);
  Factor log_loss;
  if (margin == 0) {
    log_loss.value = -n.log;
  } else {
    log_loss.value = shifted < 0.5L ? -std::log1p(-shifted) : -std::log(rest);
  }
  log_loss.first = slope / rest;
  log_loss.second = bend / rest + slope * slope / (rest * rest);
  Element e =
      WithCancellation(Focused(parameters, shifted, p, log_loss), p.value + margin, shifted);
  // phi is a function of log(1 - p) = log n, so dphi/dz = -phi' p and
  // d2phi/dz2 = phi'' p^2 - phi' p (1 - p); only phi'' is cut off at 0.
  const Real concave = -e.gradient * p.complement;  // phi' p (1 - p)
  e.positive_hessian = std::max(e.hessian + concave, Real{0}) - concave;
  return e;
}

// Sets the positive Hessian of a term of the outcome sign, by phi'(log s) = gradient / (sign (1 -
// s)) with s = sigma(sign z).
Element WithPositiveHessian(Element e, Real logit, Real sign) {
  const Real concave = sign * e.gradient * SigmoidOf(sign * logit).value;  // phi' s (1 - s)
  e.positive_hessian = std::max(e.hessian + concave, Real{0}) - concave;
  return e;
}

// -log sigma(gamma sign z + beta) / gamma
Element FocalStar(Real gamma, Real beta, Real logit, Real sign) {
  const Probability p = SigmoidOf(gamma * sign * logit + beta);
  Element e;
  e.value = -p.log / gamma;
  e.gradient = -sign * p.complement;
  e.hessian = gamma * p.value * p.complement;
  e.value_magnitude = std::abs(e.value);
  e.gradient_magnitude = std::abs(e.gradient);
  e.hessian_magnitude = e.hessian;
  return WithPositiveHessian(e, logit, sign);
}

// max(0, margin - sign z)
Element Hinge(Real margin, Real logit, Real sign) {
  const Real loss = margin - sign * logit;
  if (loss <= 0) return {};
  return WithPositiveHessian({loss, -sign, 0, 0, loss, 1, 0}, logit, sign);
}

// (sign z - target)^2
Element SquaredMargin(Real target, Real logit, Real sign) {
  const Real d = sign * logit - target;
  Element e = {d * d, 2 * sign * d, 2, 0, d * d, 2 * std::abs(d), 2};
  e = WithPositiveHessian(e, logit, sign);
  e.hessian_magnitude += std::abs(e.gradient) * SigmoidOf(sign * logit).value;
  return e;
}

}  // namespace

Softmax SoftmaxOf(const std::vector<Real>& logits) {
  const size_t classes = logits.size();
  Softmax result;
  result.probabilities.resize(classes);
  const bool has_nan =
      std::any_of(logits.begin(), logits.end(), [](Real z) { return std::isnan(z); });
  if (has_nan) {
    result.probabilities.assign(classes, {kNan, kNan, kNan});
    result.log_sum_exp = kNan;
    return result;
  }
  const auto top = std::max_element(logits.begin(), logits.end());
  const auto top_class = static_cast<size_t>(top - logits.begin());
  std::vector<Real> exponentials(classes);
  Real others = 0;
  for (size_t k = 0; k < classes; ++k) {
    exponentials[k] = std::exp(logits[k] - *top);
    if (k != top_class) others += exponentials[k];
  }
  const Real log_sum = std::log1p(others);
  for (size_t k = 0; k < classes; ++k) {
    Probability& p = result.probabilities[k];
    p.log = logits[k] - *top - log_sum;
    p.value = exponentials[k] / (1 + others);
    // Without class k what is left of the sum is `others` for the top class; for any other class it
    // still holds the top class's 1, so the subtraction costs nothing relative to it.
    p.complement = (k == top_class ? others : 1 + (others - exponentials[k])) / (1 + others);
  }
  result.log_sum_exp = *top + log_sum;
  return result;
}

Probability SigmoidOf(Real logit) {
  const Real e = std::exp(-std::abs(logit));
  Probability p;
  p.log = std::min(logit, Real{0}) - std::log1p(e);
  p.value = (logit >= 0 ? 1 : e) / (1 + e);
  p.complement = (logit >= 0 ? e : 1) / (1 + e);
  if (std::isnan(logit)) p = {kNan, kNan, kNan};
  return p;
}

Term Scaled(const Term& term, Real factor) {
  if (factor == 0) return {};
  return {factor * term.value,           factor * term.first,
          factor * term.second,          factor * term.value_magnitude,
          factor * term.first_magnitude, factor * term.second_magnitude};
}

bool IsWeightedPerClass(Form form) {
  switch (form) {
    case Form::kCrossEntropy:
    case Form::kFocal:
    case Form::kKlDivergence:
    case Form::kPoly1:
    case Form::kGeneralizedCrossEntropy:
    case Form::kAsymmetric:
    case Form::kFocalStar:
    case Form::kHinge:
    case Form::kSquaredMargin:
      return true;
    default:
      return false;
  }
}

Term WeightedTerm(Form form, const Parameters& parameters, const Probability& p) {
  switch (form) {
    case Form::kCrossEntropy:
    case Form::kKlDivergence:
      return CrossEntropy(p);
    case Form::kFocal:
      return Focal(parameters.gamma, p);
    case Form::kPoly1:
      return Poly1(parameters.epsilon, p);
    case Form::kGeneralizedCrossEntropy:
      return GeneralizedCrossEntropy(parameters.q, p);
    default:
      throw std::invalid_argument("not a function of log p alone");
  }
}

Real KlConstant(Real weight, Real target) {
  return weight == 0 || target == 0 ? 0 : weight * std::log(target);
}

std::vector<Term> TargetTerms(Form form, const Parameters& parameters,
                              const std::vector<Probability>& probabilities,
                              const std::vector<Real>& targets) {
  const auto top = std::max_element(
      probabilities.begin(), probabilities.end(),
      [](const Probability& a, const Probability& b) { return a.value < b.value; });
  const auto top_class = static_cast<size_t>(top - probabilities.begin());
  // sum p_k = 1, so that a constant taken off every slope changes no derivative by a logit. The
  // largest class's slope is what would cancel.
  const OfProbability largest = Evaluate(form, parameters, *top, targets[top_class]);
  std::vector<Term> terms;
  for (size_t k = 0; k < targets.size(); ++k) {
    const Probability& p = probabilities[k];
    const OfProbability f = Evaluate(form, parameters, p, targets[k]);
    const Real slope = p.value * (f.slope - largest.slope);
    const Real slope_magnitude = p.value * (f.slope_magnitude + largest.slope_magnitude);
    Term t;
    t.value = f.value;
    t.first = slope;
    t.second = f.curvature + slope;
    t.value_magnitude = f.value_magnitude;
    t.first_magnitude = slope_magnitude;
    t.second_magnitude = f.curvature + slope_magnitude;
    if (form == Form::kSymmetricCrossEntropy) {
      const Term forward = Scaled(CrossEntropy(p), parameters.alpha * targets[k]);
      t.value += forward.value;
      t.first += forward.first;
      t.value_magnitude += std::abs(forward.value);
      t.first_magnitude += std::abs(forward.first);
    }
    terms.push_back(t);
  }
  return terms;
}

Element SigmoidElement(Form form, const Parameters& parameters, Real logit, Real target, Real given,
                       const ElementWeights& weights) {
  const Probability p = SigmoidOf(logit);
  const Probability n = SigmoidOf(-logit);
  switch (form) {
    case Form::kFocal:
      if (parameters.soft_target_rule == SoftTargetRule::kBlended) {
        return WithAbsoluteHessian(
            ScaledElement(BlendedFocal(parameters.gamma, p, n, target), weights.whole));
      }
      [[fallthrough]];
    case Form::kCrossEntropy:
    case Form::kKlDivergence:
    case Form::kPoly1:
    case Form::kGeneralizedCrossEntropy: {
      const Term positive = Scaled(WeightedTerm(form, parameters, p), weights.positive);
      const Term negative = Scaled(WeightedTerm(form, parameters, n), weights.negative);
      Element e = Sum(OfLogit(positive, p, 1), OfLogit(negative, n, -1));
      if (form == Form::kKlDivergence) {
        const Real constants[] = {KlConstant(weights.positive, target),
                                  KlConstant(weights.negative, 1 - target)};
        e.value += constants[0] + constants[1];
        e.value_magnitude += std::abs(constants[0]) + std::abs(constants[1]);
      }
      return e;
    }
    case Form::kSquaredError:
      return WithAbsoluteHessian(ScaledElement(SquaredErrorElement(p, target), weights.whole));
    case Form::kSymmetricCrossEntropy:
    case Form::kJensenShannon: {
      const std::vector<Term> terms = TargetTerms(form, parameters, {p, n}, {target, 1 - target});
      const Term positive = Scaled(terms[0], weights.whole);
      const Term negative = Scaled(terms[1], weights.whole);
      return WithAbsoluteHessian(Sum(OfLogit(positive, p, 1), OfLogit(negative, n, -1)));
    }
    case Form::kAsymmetric: {
      const Real gamma = parameters.gamma_positive;
      const Term positive =
          parameters.detach_focusing ? DetachedPositive(gamma, p) : Focal(gamma, p);
      const Element negative = AsymmetricNegative(parameters, p, n);
      return Sum(OfLogit(Scaled(positive, weights.positive), p, 1),
                 ScaledElement(negative, weights.negative));
    }
    case Form::kQualityFocal:
      return WithAbsoluteHessian(
          ScaledElement(QualityFocal(parameters.beta, p, n, target), weights.whole));
    case Form::kVarifocal:
      return WithAbsoluteHessian(ScaledElement(
          Varifocal(parameters.alpha, parameters.gamma, p, n, target, given), weights.whole));
    case Form::kFocalStar:
      return Sum(
          ScaledElement(FocalStar(parameters.gamma, parameters.beta, logit, 1), weights.positive),
          ScaledElement(FocalStar(parameters.gamma, parameters.beta, logit, -1), weights.negative));
    case Form::kHinge:
      return Sum(ScaledElement(Hinge(parameters.margin, logit, 1), weights.positive),
                 ScaledElement(Hinge(parameters.margin, logit, -1), weights.negative));
    case Form::kSquaredMargin:
      return Sum(ScaledElement(SquaredMargin(parameters.target, logit, 1), weights.positive),
                 ScaledElement(SquaredMargin(parameters.target, logit, -1), weights.negative));
    case Form::kReverseKlDivergence:
      break;  // of a softmax alone
  }
  throw std::invalid_argument("no such form");
}

}  // namespace lossd::oracle
