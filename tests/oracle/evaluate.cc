#include "tests/oracle/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "tests/oracle/class_weights.h"
#include "tests/oracle/logit_transform.h"
#include "tests/oracle/row_loss.h"
#include "tests/oracle/term.h"
#include "tests/oracle/truth.h"
#include "xtensor/xbuilder.hpp"

namespace lossd::oracle {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

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
    const std::vector<Real> targets =
        problem_.teacher_logits ? TeacherTargets(problem_, i) : RowOf(truth_.targets, i);
    const TransformedLogits transformed =
        TransformLogits(problem_, logits, IndexOfLargest(targets));
    const Softmax softmax = SoftmaxOf(transformed.values);
    const size_t classes = logits.size();
    for (size_t k = 0; k < classes; ++k) {
      answer_.probabilities(i, k) = static_cast<double>(softmax.probabilities[k].value);
    }
    answer_.log_sum_exp.back() = static_cast<double>(softmax.log_sum_exp);
    answer_.margin.back() = MarginOf(logits, IndexOfLargest(targets));
    RowLoss row = ScaledLoss(LossOfRow(problem_, softmax, targets, weights_));
    GoBack(problem_, softmax, transformed, row);
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
    RowLoss unweighted = ScaledLoss(LossOfRow(problem_, softmax, targets, {}));
    GoBack(problem_, softmax, transformed, unweighted);
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

  // Returns the loss times the square of the temperature, where that is asked for.
  RowLoss ScaledLoss(RowLoss row) const {
    if (!problem_.scale_by_squared_temperature) return row;
    const Real scale = Real{problem_.temperature} * problem_.temperature;
    row.value *= scale;
    row.value_magnitude *= scale;
    for (auto* column : {&row.gradient, &row.gradient_magnitude, &row.hessian,
                         &row.positive_hessian, &row.hessian_magnitude}) {
      for (Real& value : *column) value *= scale;
    }
    return row;
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

Answer Evaluate(const Problem& problem) { return Evaluation(problem).Run(); }

}  // namespace lossd::oracle
