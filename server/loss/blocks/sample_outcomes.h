#ifndef LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_OUTCOMES_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_OUTCOMES_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/statistics.h"

namespace lossd::loss {

// The class of a softmax sample: its label, or its largest target, the first on ties.
template <typename T>
int64_t ClassOfRow(const Run<T>& run, int64_t row) {
  if (run.labels.has_class_ids()) return run.labels.class_id(row);
  int64_t largest = 0;
  for (int64_t k = 1; k < run.batch.classes; ++k) {
    if (run.labels.target(row, k) > run.labels.target(row, largest)) largest = k;
  }
  return largest;
}

// The first of the row's largest logits; NaN is never the largest.
template <typename T>
int64_t ArgMax(const Run<T>& run, int64_t row) {
  const LogitRow<T> z = LogitsOfRow(run, row);
  int64_t largest = 0;
  for (int64_t k = 1; k < run.batch.classes; ++k) {
    if (z[k] > z[largest] || std::isnan(z[largest])) largest = k;
  }
  return largest;
}

template <typename T>
SampleOutcome RecordedOutcome(const Run<T>& run, int64_t sample) {
  const auto i = static_cast<size_t>(sample);
  SampleOutcome outcome;
  outcome.loss = static_cast<double>(run.outputs[Output::kLosses][i]);
  outcome.true_probability = run.records.true_probability[i];
  outcome.gradient_l1 = run.records.gradient_l1[i];
  outcome.vanishing = run.records.vanishing[i] != 0;
  return outcome;
}

template <typename T>
SampleOutcome OutcomeOfRow(const Run<T>& run, int64_t row) {
  SampleOutcome outcome = RecordedOutcome(run, row);
  outcome.class_id = ClassOfRow(run, row);
  outcome.predicted = ArgMax(run, row);
  outcome.correct = outcome.predicted == outcome.class_id;
  return outcome;
}

// Over several columns an element belongs to its column, counts there when it is positive, and
// predicts it when z > 0. One-logit rows have the classes {negative, positive}.
template <typename T>
SampleOutcome OutcomeOfElement(const Run<T>& run, int64_t row, int64_t k) {
  const int64_t sample = row * run.batch.classes + k;
  SampleOutcome outcome = RecordedOutcome(run, sample);
  const bool positive = run.labels.target(row, k) >= 0.5;
  const bool predicted = LogitsOfRow(run, row)[k] > T(0);
  outcome.correct = positive == predicted;
  if (run.batch.classes == 1) {
    outcome.class_id = positive ? 1 : 0;
    outcome.predicted = predicted ? 1 : 0;
  } else {
    outcome.class_id = k;
    outcome.counted = positive;
    outcome.predicted = predicted ? k : -1;
  }
  return outcome;
}

// Calls f with every valid sample, in their order.
template <typename T, class F>
void ForEachOutcome(const Run<T>& run, F f) {
  const bool softmax = run.spec.activation == Activation::kSoftmax;
  for (int64_t row = 0; row < run.batch.rows; ++row) {
    for (int64_t k = 0; k < (softmax ? 1 : run.batch.classes); ++k) {
      if (run.labels.ignored(row, k)) continue;
      f(softmax ? OutcomeOfRow(run, row) : OutcomeOfElement(run, row, k));
    }
  }
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_OUTCOMES_H_
