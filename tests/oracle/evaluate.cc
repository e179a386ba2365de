#include "tests/oracle/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "tests/oracle/term.h"
#include "xtensor/xbuilder.hpp"

namespace lossd::oracle {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double PerSample(const std::vector<double>& values, size_t sample, size_t samples) {
  if (values.empty()) return 1;
  return values[sample / (samples / values.size())];
}

// Tells whether the sample that holds the element weighs anything.
bool Weighs(const Problem& problem, size_t row, size_t k) {
  const bool per_row = problem.activation == Activation::kSoftmax;
  const size_t sample = per_row ? row : row * problem.classes() + k;
  return PerSample(problem.sample_weights, sample, problem.samples()) != 0;
}

// The labels of a whole batch as targets before smoothing, whatever way they were given; 0 where
// the sample is ignored.
struct Truth {
  Matrix targets;                 // [rows, classes], t
  xt::xtensor<bool, 2> is_valid;  // [rows, classes]
};

Truth ReadLabels(const Problem& problem) {
  const size_t rows = problem.rows();
  const size_t classes = problem.classes();
  Truth truth;
  truth.targets = xt::zeros<double>({rows, classes});
  truth.is_valid = xt::ones<bool>({rows, classes});
  for (size_t i = 0; i < rows; ++i) {
    for (size_t k = 0; k < classes; ++k) {
      truth.is_valid(i, k) = Weighs(problem, i, k);
      if (!truth.is_valid(i, k)) continue;
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

// For one-logit rows a class vector has the entries {negative, positive}.
bool HasOneLogit(const Problem& problem) {
  return problem.activation == Activation::kSigmoid && problem.classes() == 1;
}

std::vector<double> ResolveClassWeights(const Problem& problem) {
  if (!problem.scheme) return problem.weights;
  const std::vector<double> counts =
      problem.scheme_counts.empty() ? CountClasses(problem) : problem.scheme_counts;
  return SchemeClassWeights(counts, *problem.scheme);
}

size_t IndexOfLargest(const std::vector<Real>& values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

// z_t − max_{j≠t} z_j of finite logits; +∞ with one class.
Real MarginOf(const std::vector<Real>& logits, size_t truth) {
  Real others = -std::numeric_limits<Real>::infinity();
  for (size_t j = 0; j < logits.size(); ++j) {
    if (j != truth) others = std::max(others, logits[j]);
  }
  return logits[truth] - others;
}

std::vector<Real> RowOf(const Matrix& matrix, size_t row) {
  std::vector<Real> values;
  for (size_t k = 0; k < matrix.shape()[1]; ++k) values.push_back(matrix(row, k));
  return values;
}

// One softmax row's loss and its derivatives, before sample weight and reduction.
struct RowLoss {
  Real value = 0;
  Real value_magnitude = 0;
  std::vector<Real> gradient;
  std::vector<Real> gradient_magnitude;
  std::vector<Real> hessian;
  std::vector<Real> positive_hessian;
  std::vector<Real> hessian_magnitude;
};

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
    row.positive_hessian.push_back(IsWeightedPerClass(form) ? positive
                                                            : std::abs(row.hessian.back()));
    row.hessian_magnitude.push_back(second_magnitude[j] * q * q + other_magnitude[j] * p * p +
                                    p * q * (first_magnitude[j] + other_first_magnitude[j]));
  }
  return row;
}

ElementWeights WeightsOfElement(const Problem& problem, const std::vector<double>& class_weights,
                                bool is_weighted, size_t k, Real target, Real given) {
  Real positive = 1;
  Real negative = 1;
  Real boost = 1;
  if (is_weighted) {
    if (!class_weights.empty()) {
      const bool one_logit = HasOneLogit(problem);
      positive = class_weights[one_logit ? 1 : k];
      negative = class_weights[one_logit ? 0 : k];
    }
    if (!problem.positive_weights.empty()) {
      boost = problem.positive_weights[problem.positive_weights.size() == 1 ? 0 : k];
    }
  }
  const bool has_alpha = is_weighted && problem.alpha;
  const Real alpha = has_alpha ? Real{*problem.alpha} : Real{1};
  const Real rest = has_alpha ? 1 - alpha : Real{1};
  ElementWeights weights;
  weights.positive = alpha * positive * boost * target;
  weights.negative = rest * negative * (1 - target);
  weights.whole = (positive * given + negative * (1 - given)) *
                  (alpha * given + rest * (1 - given)) * (boost * given + 1 - given);
  return weights;
}

// A sample as the statistics see it.
struct Sample {
  size_t owner = 0;      // the class that it belongs to
  size_t column = 0;     // where its loss and gradient are counted
  bool counts = true;    // it is one of the samples of its class
  Real loss = 0;         // sample weight times loss
  Real gradient = 0;     // sum of |g_j|, with the sample weight
  Real probability = 0;  // p_t
  bool is_correct = false;
  bool has_prediction = true;
  size_t predicted = 0;
};

double Share(Real part, Real total) { return total == 0 ? 0.0 : static_cast<double>(part / total); }

ClassColumns Tabulate(const std::vector<Sample>& samples, const std::vector<double>& weights,
                      size_t columns) {
  ClassColumns table;
  table.count.assign(columns, 0);
  table.correct_count.assign(columns, 0);
  table.predicted_count.assign(columns, 0);
  std::vector<Real> loss(columns, 0);
  std::vector<Real> gradient(columns, 0);
  std::vector<Real> probability(columns, 0);
  Real loss_total = 0;
  Real gradient_total = 0;
  Real count_total = 0;
  for (const Sample& sample : samples) {
    if (sample.counts) {
      ++table.count[sample.owner];
      ++count_total;
      probability[sample.owner] += sample.probability;
    }
    if (sample.is_correct) ++table.correct_count[sample.column];
    if (sample.has_prediction) ++table.predicted_count[sample.predicted];
    loss[sample.column] += sample.loss;
    gradient[sample.column] += sample.gradient;
    loss_total += sample.loss;
    gradient_total += sample.gradient;
  }
  for (size_t k = 0; k < columns; ++k) {
    const auto count = static_cast<Real>(table.count[k]);
    table.frequency.push_back(Share(count, count_total));
    table.weight.push_back(weights.empty() ? 1 : weights[k]);
    table.loss_sum.push_back(static_cast<double>(loss[k]));
    table.loss_share.push_back(Share(loss[k], loss_total));
    table.gradient_share.push_back(Share(gradient[k], gradient_total));
    table.mean_true_probability.push_back(Share(probability[k], count));
    if (table.count[k] == 0) table.empty_classes.push_back(static_cast<int64_t>(k));
  }
  return table;
}

Hardness Histogram(const std::vector<Sample>& samples, double threshold) {
  Hardness hardness;
  Real loss_total = 0;
  Real gradient_total = 0;
  Real probability_total = 0;
  std::array<Real, 10> loss = {};
  std::array<Real, 10> gradient = {};
  Real hard_loss = 0;
  Real hard_gradient = 0;
  for (const Sample& sample : samples) {
    const size_t bin =
        std::min<size_t>(9, static_cast<size_t>(std::floor(sample.probability * 10)));
    ++hardness.count[bin];
    loss[bin] += sample.loss;
    gradient[bin] += sample.gradient;
    if (sample.probability < threshold) {
      ++hardness.hard_count;
      hard_loss += sample.loss;
      hard_gradient += sample.gradient;
    }
    loss_total += sample.loss;
    gradient_total += sample.gradient;
    probability_total += sample.probability;
  }
  for (size_t bin = 0; bin < 10; ++bin) {
    hardness.loss_share[bin] = Share(loss[bin], loss_total);
    hardness.gradient_share[bin] = Share(gradient[bin], gradient_total);
  }
  hardness.hard_loss_share = Share(hard_loss, loss_total);
  hardness.hard_gradient_share = Share(hard_gradient, gradient_total);
  hardness.mean_true_probability = Share(probability_total, static_cast<Real>(samples.size()));
  return hardness;
}

// Collects what the samples say, and at the end reduces it.
class Evaluation {
 public:
  explicit Evaluation(const Problem& problem)
      : problem_(problem), truth_(ReadLabels(problem)), weights_(ResolveClassWeights(problem)) {
    const size_t rows = problem.rows();
    const size_t classes = problem.classes();
    answer_.class_weights = weights_;
    derivatives_.resize(rows * classes);
    answer_.losses.assign(problem.samples(), Real{0});
    answer_.losses_magnitude.assign(problem.samples(), 0.0);
    answer_.true_probability.assign(problem.samples(), kNan);
    answer_.top_k_correct.assign(problem.top_k.size(), 0);
    answer_.gradient = xt::zeros<double>({rows, classes});
    answer_.gradient_magnitude = xt::zeros<double>({rows, classes});
    answer_.hessian_diagonal = xt::zeros<double>({rows, classes});
    answer_.hessian_magnitude = xt::zeros<double>({rows, classes});
    answer_.probabilities = xt::zeros<double>({rows, classes});
  }

  Answer Run() {
    if (problem_.activation == Activation::kSoftmax) {
      for (size_t i = 0; i < problem_.rows(); ++i) SoftmaxRow(i);
    } else {
      for (size_t i = 0; i < problem_.rows(); ++i) {
        for (size_t k = 0; k < problem_.classes(); ++k) SigmoidSample(i, k);
      }
    }
    Reduce();
    const size_t columns = HasOneLogit(problem_) ? 2 : problem_.classes();
    answer_.class_statistics = Tabulate(samples_, weights_, columns);
    answer_.difficulty = Histogram(samples_, problem_.hard_threshold);
    return answer_;
  }

 private:
  void SoftmaxRow(size_t i) {
    answer_.log_sum_exp.push_back(0);
    answer_.margin.push_back(0);
    if (!truth_.is_valid(i, 0)) return;

    const std::vector<Real> logits = RowOf(problem_.logits, i);
    const Softmax softmax = SoftmaxOf(logits);
    const size_t classes = logits.size();
    for (size_t k = 0; k < classes; ++k) {
      answer_.probabilities(i, k) = static_cast<double>(softmax.probabilities[k].value);
    }
    answer_.log_sum_exp.back() = static_cast<double>(softmax.log_sum_exp);
    const std::vector<Real> targets = RowOf(truth_.targets, i);
    answer_.margin.back() = MarginOf(logits, IndexOfLargest(targets));
    const RowLoss row =
        Differentiate(RowTerms(problem_, softmax, targets, weights_), softmax, problem_.form);
    const Real s = PerSample(problem_.sample_weights, i, problem_.rows());

    Sample sample;
    sample.owner = sample.column = IndexOfLargest(targets);
    sample.predicted = IndexOfLargest(logits);
    sample.is_correct = sample.predicted == sample.owner;
    sample.probability = TrueProbability(softmax, targets);
    for (size_t k = 0; k < classes; ++k) {
      Derivatives& derivatives = derivatives_[i * classes + k];
      derivatives.gradient = s * row.gradient[k];
      derivatives.gradient_magnitude = s * row.gradient_magnitude[k];
      derivatives.hessian =
          s * (problem_.hessian_mode == HessianMode::kPositive ? row.positive_hessian[k]
                                                               : row.hessian[k]);
      // The positive one is summed differently: of terms up to its own size.
      const Real magnitude = problem_.hessian_mode == HessianMode::kPositive
                                 ? row.hessian_magnitude[k] + row.positive_hessian[k]
                                 : row.hessian_magnitude[k];
      derivatives.hessian_magnitude = s * magnitude;
      sample.gradient += std::abs(s * row.gradient[k]);
    }
    Collect(sample, i, s, row.value, row.value_magnitude);
    weight_sum_ += problem_.class_ids && !weights_.empty() ? s * weights_[sample.owner] : s;

    CountTopK(logits, sample.owner);
    if (sample.probability >= 0.01L) return;
    const RowLoss unweighted =
        Differentiate(RowTerms(problem_, softmax, targets, {}), softmax, problem_.form);
    CountVanishing(sample.probability, unweighted.gradient[sample.owner]);
  }

  void SigmoidSample(size_t i, size_t k) {
    const size_t index = i * problem_.classes() + k;
    answer_.margin.push_back(0);
    if (!truth_.is_valid(i, k)) return;

    const Real logit = problem_.logits(i, k);
    const Probability p = SigmoidOf(logit);
    answer_.probabilities(i, k) = static_cast<double>(p.value);
    const Real given = truth_.targets(i, k);
    answer_.margin.back() = given >= 0.5L ? logit : -logit;
    const Real target =
        (1 - Real{problem_.label_smoothing}) * given + Real{problem_.label_smoothing} / 2;
    const auto element = [&](bool is_weighted) {
      return SigmoidElement(problem_.form, problem_.parameters, logit, target, given,
                            WeightsOfElement(problem_, weights_, is_weighted, k, target, given));
    };
    const Element e = element(true);
    const Real s = PerSample(problem_.sample_weights, index, problem_.samples());
    Derivatives& derivatives = derivatives_[index];
    derivatives.gradient = s * e.gradient;
    derivatives.gradient_magnitude = s * e.gradient_magnitude;
    derivatives.hessian =
        s * (problem_.hessian_mode == HessianMode::kPositive ? e.positive_hessian : e.hessian);
    const Real magnitude = problem_.hessian_mode == HessianMode::kPositive
                               ? e.hessian_magnitude + e.positive_hessian
                               : e.hessian_magnitude;
    derivatives.hessian_magnitude = s * magnitude;

    Sample sample;
    const bool is_positive = given >= 0.5L;
    const bool predicts_positive = logit > 0;
    sample.is_correct = is_positive == predicts_positive;
    if (HasOneLogit(problem_)) {
      sample.owner = sample.column = is_positive ? 1 : 0;
      sample.predicted = predicts_positive ? 1 : 0;
    } else {
      sample.owner = sample.column = sample.predicted = k;
      sample.counts = is_positive;
      sample.has_prediction = predicts_positive;
    }
    sample.probability = given * p.value + (1 - given) * p.complement;
    sample.gradient = std::abs(s * e.gradient);
    Collect(sample, index, s, e.value, e.value_magnitude);
    weight_sum_ += s;
    CountVanishing(sample.probability, element(false).gradient);
  }

  static Real TrueProbability(const Softmax& softmax, const std::vector<Real>& targets) {
    Real total = 0;
    Real hit = 0;
    for (size_t k = 0; k < targets.size(); ++k) {
      total += targets[k];
      if (targets[k] > 0) hit += targets[k] * softmax.probabilities[k].value;
    }
    return hit / total;
  }

  void Collect(Sample sample, size_t index, Real s, Real value, Real magnitude) {
    sample.loss = s * value;
    answer_.losses[index] = sample.loss;
    answer_.losses_magnitude[index] = static_cast<double>(s * magnitude);
    answer_.true_probability[index] = static_cast<double>(sample.probability);
    loss_sum_ += sample.loss;
    ++answer_.valid_count;
    if (!std::isfinite(sample.loss)) ++answer_.non_finite_count;
    samples_.push_back(sample);
  }

  // #{z_j > z_t} and those equal to it that come before it must be fewer than k.
  void CountTopK(const std::vector<Real>& logits, size_t label) {
    int64_t ahead = 0;
    for (size_t j = 0; j < logits.size(); ++j) {
      if (logits[j] > logits[label] || (logits[j] == logits[label] && j < label)) ++ahead;
    }
    for (size_t n = 0; n < problem_.top_k.size(); ++n) {
      if (ahead < problem_.top_k[n]) ++answer_.top_k_correct[n];
    }
  }

  void CountVanishing(Real probability, Real gradient) {
    if (probability < 0.01L && std::abs(gradient) < 0.01L) ++answer_.vanishing_count;
  }

  Real UpstreamOf(size_t index) const {
    return PerSample(problem_.upstream_gradient, index, problem_.samples());
  }

  void Reduce() {
    Real divisor = 1;
    if (problem_.reduction == Reduction::kMean) divisor = weight_sum_;
    if (problem_.reduction == Reduction::kMeanValid) {
      divisor = static_cast<Real>(answer_.valid_count);
    }
    if (problem_.normalizer) divisor = *problem_.normalizer;
    const Real factor = divisor == 0 ? 0 : 1 / divisor;
    answer_.loss_sum = static_cast<double>(loss_sum_);
    answer_.loss = static_cast<double>(divisor == 0 ? 0 : loss_sum_ / divisor);
    answer_.weight_sum = static_cast<double>(weight_sum_);
    for (size_t i = 0; i < problem_.rows(); ++i) {
      for (size_t k = 0; k < problem_.classes(); ++k) {
        const size_t index =
            problem_.activation == Activation::kSoftmax ? i : i * problem_.classes() + k;
        const Real u = truth_.is_valid(i, k) ? UpstreamOf(index) * factor : 0;
        const Real g = u * problem_.gradient_scale;
        const Derivatives& of_sample = derivatives_[i * problem_.classes() + k];
        answer_.gradient(i, k) = static_cast<double>(g * of_sample.gradient);
        answer_.gradient_magnitude(i, k) =
            static_cast<double>(std::abs(g) * of_sample.gradient_magnitude);
        double& h = answer_.hessian_diagonal(i, k);
        h = static_cast<double>(u * of_sample.hessian);
        if (problem_.hessian_mode == HessianMode::kPositive) h = std::max(h, 1e-16);
        answer_.hessian_magnitude(i, k) =
            static_cast<double>(std::abs(u) * of_sample.hessian_magnitude);
      }
    }
  }

  const Problem& problem_;
  Truth truth_;
  // Of one logit, before the reduction.
  struct Derivatives {
    Real gradient = 0;
    Real gradient_magnitude = 0;
    Real hessian = 0;
    Real hessian_magnitude = 0;
  };

  std::vector<double> weights_;
  std::vector<Derivatives> derivatives_;
  Answer answer_;
  std::vector<Sample> samples_;
  Real loss_sum_ = 0;
  Real weight_sum_ = 0;
};

}  // namespace

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

Answer Evaluate(const Problem& problem) { return Evaluation(problem).Run(); }

}  // namespace lossd::oracle
