#include "server/loss/tokens/inner_plans.h"

namespace lossd::loss {
namespace {

Batch WithoutWeights(const Batch& batch) {
  Batch bare = batch;
  bare.sample_weights = {};
  bare.upstream_gradient = {};
  bare.rollout = {};
  return bare;
}

Batch WithUpstream(const Batch& batch, absl::Span<const double> upstream) {
  Batch with = batch;
  with.upstream_gradient = {upstream, 1};
  return with;
}

LossSpec CrossEntropyOf(const LossSpec& spec) {
  LossSpec inner;
  inner.activation = spec.activation;
  inner.ignore_index = spec.ignore_index;
  inner.temperature = spec.temperature;
  inner.softcap = spec.softcap;
  inner.logit_adjustment = spec.logit_adjustment;
  return inner;
}

ComputeOptions Unreduced(const ComputeOptions& options) {
  ComputeOptions unreduced;
  unreduced.cancelled = options.cancelled;
  return unreduced;
}

MiningDecision DroppedAlone(const MiningDecision& decided) {
  MiningDecision dropped;
  dropped.dropped = decided.dropped;
  return dropped;
}

int64_t SampleCount(const Batch& batch, const LossSpec& spec) {
  return spec.activation == Activation::kSoftmax ? batch.rows : batch.rows * batch.classes;
}

}  // namespace

InnerPlans::InnerPlans(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                       const LogitTransform& transform, size_t element_size, InDouble in_double,
                       const MiningDecision& decided, const Executor& executor,
                       const Cancellation& cancellation)
    : batch_(WithoutWeights(batch)),
      spec_(CrossEntropyOf(spec)),
      options_(Unreduced(options)),
      terms_(batch_, spec_, cancellation),
      decided_(DroppedAlone(decided)),
      upstream_(static_cast<size_t>(SampleCount(batch, spec))),
      batch_with_upstream_(WithUpstream(batch_, upstream_)),
      log_p_(PlanBatch(batch_, spec_, options_, terms_, transform, element_size, executor,
                       cancellation, decided_)),
      derivative_(PlanBatch(batch_with_upstream_, spec_, options_, terms_, transform, element_size,
                            executor, cancellation, decided_)) {
  if (in_double == InDouble::kNever) return;
  log_p_in_double_.emplace(PlanBatch(batch_, spec_, options_, terms_, transform, sizeof(double),
                                     executor, cancellation, decided_));
}

}  // namespace lossd::loss
