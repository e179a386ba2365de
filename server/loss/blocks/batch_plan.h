#ifndef LOSSD_SERVER_LOSS_BLOCKS_BATCH_PLAN_H_
#define LOSSD_SERVER_LOSS_BLOCKS_BATCH_PLAN_H_

#include <cstddef>
#include <cstdint>

#include "server/kernels/form_kernels.h"
#include "server/kernels/hessian.h"
#include "server/kernels/stores.h"
#include "server/loss/batch.h"
#include "server/loss/blocks/class_terms.h"
#include "server/loss/blocks/logit_transform.h"
#include "server/loss/blocks/row_shaping.h"
#include "server/loss/blocks/sample_labels.h"
#include "server/loss/blocks/sample_scales.h"
#include "server/loss/blocks/sample_totals.h"
#include "server/loss/loss_spec.h"
#include "server/loss/mining.h"
#include "server/loss/options.h"
#include "server/loss/wide.h"
#include "server/threads/cancellation.h"
#include "server/threads/executor.h"

// The core is a 2 × 2: rows of softmax or elements of sigmoid, with one hard label or with any
// target. Struct, block and kernel of each of the four have one name:
//
//             one hard label    any target
//   softmax   ClassIdRow(s)     DenseRow
//   sigmoid   Element(s)        DenseElement(s)
//
// In float the first of the sigmoid's takes any target, too.

namespace lossd::loss {

using kernels::kHessianFloor;

// Everything that is resolved once for a batch, and that the computation of any of its rows reads.
// It refers to what PlanBatch was given.
struct BatchPlan {
  const Batch& batch;
  const LossSpec& spec;
  const ComputeOptions& options;
  const ClassTerms& terms;
  const LogitTransform& transform;
  const kernels::FormKernels& kernels;
  ElementLabels labels;
  SampleTotals totals;
  Wide divisor;  // the reduction's
  SampleScales scales;
  kernels::Curvature curvature;
  kernels::Stores stores;
  size_t element_size;
  RowShaping shaping;
  // Null where there are none: see MiningDecision.
  const SequenceMean* sequence_mean;
  const TokenTerms* token_terms;
  const InnerPlans* inner;

  bool is_softmax() const { return spec.activation == Activation::kSoftmax; }
  int64_t samples_per_row() const { return is_softmax() ? 1 : batch.classes; }
  int64_t sample_count() const { return batch.rows * samples_per_row(); }

  bool ignored(int64_t sample) const {
    const int64_t per_row = samples_per_row();
    return per_row == 1 ? labels.ignored(sample, 0)
                        : labels.ignored(sample / per_row, sample % per_row);
  }

  // Returns a power of two that brings the losses of so tiny or huge weights to where their type
  // can add them up, in a plan of its own that has it as exponent; 0 where that is not needed.
  int SummingExponent() const;
};

// Counts the samples and returns the plan of a batch whose logits are computed as elements of
// `element_size` bytes. `decided` drops all samples of weight 0, and those that mining does. Its
// weights multiply the sample weights, but not in the divisor. Sample weights, and nothing else,
// are multiplied by 2^exponent. All arguments must outlive the plan.
BatchPlan PlanBatch(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                    const ClassTerms& terms, const LogitTransform& transform, size_t element_size,
                    const Executor& executor, const Cancellation& cancellation,
                    const MiningDecision& decided, int exponent = 0);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_BATCH_PLAN_H_
