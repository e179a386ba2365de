#ifndef LOSSD_SERVER_LOSS_ROLLOUT_H_
#define LOSSD_SERVER_LOSS_ROLLOUT_H_

#include "server/loss/float_view.h"

namespace lossd::loss {

enum class AdvantageExtent { kSamples, kSequences };

// What policy losses need beside u, each one per sample and empty where it is not given. All are
// finite but for samples that are ignored.
struct Rollout {
  FloatView advantages;  // A; 1 without
  AdvantageExtent advantage_extent = AdvantageExtent::kSamples;
  FloatView old_log_probs;        // o, of the policy whose ratio is taken
  FloatView reference_log_probs;  // f
  FloatView sampler_log_probs;    // q, of the policy that drew the samples

  bool has_advantages() const { return SizeOf(advantages) > 0; }
  bool of_sequences() const {
    return has_advantages() && advantage_extent == AdvantageExtent::kSequences;
  }
  bool has_old() const { return SizeOf(old_log_probs) > 0; }
  bool has_reference() const { return SizeOf(reference_log_probs) > 0; }
  bool has_sampler() const { return SizeOf(sampler_log_probs) > 0; }
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_ROLLOUT_H_
