#include "server/loss/blocks/class_terms.h"

#include "server/loss/class_counts.h"
#include "server/loss/class_weights.h"

namespace lossd::loss {
namespace {

std::vector<double> ResolveWeights(const Batch& batch, const LossSpec& spec,
                                   const Cancellation& cancellation) {
  const ClassWeighting& weighting = spec.class_weighting;
  if (!weighting.scheme) return weighting.weights;
  if (!weighting.scheme->counts.empty()) {
    return ComputeClassWeights(weighting.scheme->counts, *weighting.scheme, cancellation);
  }
  return ComputeClassWeights(CountClasses(batch, spec.activation, spec.ignore_index, cancellation),
                             *weighting.scheme, cancellation);
}

}  // namespace

ClassTerms::ClassTerms(const Batch& batch, const LossSpec& spec, const Cancellation& cancellation)
    : empty_(spec.class_weighting.empty()), weights_(ResolveWeights(batch, spec, cancellation)) {
  if (spec.activation == Activation::kSoftmax || empty_) return;
  const ClassWeighting& weighting = spec.class_weighting;
  const double alpha = weighting.alpha.value_or(1);
  const double other = weighting.alpha ? 1 - *weighting.alpha : 1;
  const bool one_logit = weights_.size() == 2 && batch.classes == 1;
  const auto add = [&](int64_t k) {
    double positive_weight = 1;
    if (!weighting.positive_weights.empty()) {
      const bool shared = weighting.positive_weights.size() == 1;
      positive_weight = weighting.positive_weights[shared ? 0 : static_cast<size_t>(k)];
    }
    alpha_positive_.push_back(alpha * weight(one_logit ? 1 : k));
    positive_weight_.push_back(positive_weight);
    const double v = weight(one_logit ? 1 : k);
    positive_.push_back(static_cast<double>(WideProduct({alpha, v, positive_weight})));
    negative_.push_back(other * weight(one_logit ? 0 : k));
    alike_ &= positive_.back() == positive_.front() && negative_.back() == negative_.front();
  };
  for (auto* column : {&positive_, &negative_, &alpha_positive_, &positive_weight_}) {
    column->reserve(static_cast<size_t>(batch.classes));
  }
  ForEachBlock(batch.classes, 1, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) add(k);
  });
}

bool ClassTerms::AreIn(const OrdinaryRange& range) const {
  bool are_in = true;
  for (const auto* column : {&weights_, &positive_, &negative_}) {
    for (const double weight : *column) are_in &= range.HasOrZero(weight);
  }
  return are_in;
}

}  // namespace lossd::loss
