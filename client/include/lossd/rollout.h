#ifndef LOSSD_ROLLOUT_H_
#define LOSSD_ROLLOUT_H_

#include <cstdint>
#include <optional>

#include "lossd/array_view.h"

namespace lossd {

// What policy losses need beside the log-probabilities u of the batch, or those that its logits
// give to its labels. Arrays are views, of the losses' shape. They are finite but where the sample
// weight is 0, of which nothing is read; what no loss reads is INVALID_ARGUMENT.
struct Rollout {
  // A, of either sign; also one for each sequence: the losses' shape without its last axis, or [S]
  // beside sequence lengths. Any form but those of a ratio is multiplied by it: CrossEntropy is
  // then REINFORCE.
  OptionalReals advantages = {};

  OptionalReals old_log_probs = {};        // o, of the policy whose ratio is taken
  OptionalReals reference_log_probs = {};  // f, for KlPenalty
  OptionalReals sampler_log_probs = {};    // q, for ImportanceWeighting
};

// The lengths of the sequences of a packed batch, [S], each ≥ 0, which add up to N beside losses of
// shape [N]. Without them the last axis of the losses is the sequence.
using SequenceLengths = std::optional<ArrayView<int64_t>>;

}  // namespace lossd

#endif  // LOSSD_ROLLOUT_H_
