#ifndef LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_OUTCOMES_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_OUTCOMES_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/statistics.h"

// The outcomes of a batch that was computed, sample by sample. `whole` is its window.

namespace lossd::loss {

// Returns the class of a softmax sample: its label, or its largest target, the first on ties.
inline int64_t FindTrueClass(const BatchPlan& plan, int64_t row) {
  if (plan.labels.has_class_ids()) return plan.labels.class_id(row);
  const auto find_largest = [&](auto value) {
    int64_t largest = 0;
    for (int64_t k = 1; k < plan.batch.classes; ++k) {
      if (value(k) > value(largest)) largest = k;
    }
    return largest;
  };
  if (!plan.labels.has_teacher()) {
    return find_largest([&](int64_t k) { return plan.labels.target(row, k); });
  }
  return find_largest([&](int64_t k) { return plan.labels.teacher_logit(row, k); });
}

template <typename T>
SampleOutcome ReadRecords(const RowWindow<T>& whole, int64_t sample) {
  const auto i = static_cast<size_t>(sample);
  SampleOutcome outcome;
  outcome.loss = static_cast<double>(*whole.SampleAt(Output::kLosses, sample));
  outcome.true_probability = whole.records.true_probability[i];
  outcome.gradient_l1 = whole.records.gradient_l1[i];
  outcome.vanishing = whole.records.vanishing[i] != 0;
  return outcome;
}

template <typename T>
SampleOutcome JudgeRow(const BatchPlan& plan, const RowWindow<T>& whole, int64_t row) {
  SampleOutcome outcome = ReadRecords(whole, row);
  outcome.class_id = FindTrueClass(plan, row);
  outcome.predicted = whole.records.predicted[static_cast<size_t>(row)];
  outcome.correct = outcome.predicted == outcome.class_id;
  return outcome;
}

// Returns the outcome of a sigmoid's element. Over several columns an element belongs to its
// column, counts there when it is positive, and predicts it when z > 0. One-logit rows have the
// classes {negative, positive}. A NaN predicts nothing, and is not correct.
template <typename T>
SampleOutcome JudgeElement(const BatchPlan& plan, const RowWindow<T>& whole, int64_t row,
                           int64_t k) {
  SampleOutcome outcome = ReadRecords(whole, row * plan.batch.classes + k);
  const bool positive = plan.labels.target(row, k) >= 0.5;
  const T z = FindLogits(whole, plan.batch, row)[k];
  const bool predicted = z > T(0);
  outcome.correct = positive == predicted && !std::isnan(z);
  if (plan.batch.classes == 1) {
    outcome.class_id = positive ? 1 : 0;
    outcome.predicted = std::isnan(z) ? -1 : predicted ? 1 : 0;
  } else {
    outcome.class_id = k;
    outcome.counted = positive;
    outcome.predicted = predicted ? k : -1;
  }
  return outcome;
}

// Calls f with the outcome of every valid sample, in their order.
template <typename T, typename F>
void ForEachOutcome(const BatchPlan& plan, const RowWindow<T>& whole,
                    const Cancellation& cancellation, F f) {
  const auto judge = [&](int64_t row, int64_t k) {
    switch (plan.spec.activation) {
      case Activation::kSoftmax:
        return JudgeRow(plan, whole, row);
      case Activation::kSigmoid:
        return JudgeElement(plan, whole, row, k);
      case Activation::kLogProbability:
        break;
    }
    return ReadRecords(whole, row);
  };
  const auto judge_row = [&](int64_t row) {
    for (int64_t k = 0; k < plan.samples_per_row(); ++k) {
      if (plan.labels.ignored(row, k)) continue;
      f(judge(row, k));
    }
  };
  ForEachBlock(plan.batch.rows, plan.batch.classes, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) judge_row(row);
  });
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_OUTCOMES_H_
