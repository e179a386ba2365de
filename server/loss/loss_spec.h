#ifndef LOSSD_SERVER_LOSS_LOSS_SPEC_H_
#define LOSSD_SERVER_LOSS_LOSS_SPEC_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "server/loss/catalogue.h"
#include "server/loss/class_weights.h"
#include "server/loss/logit_adjustment.h"
#include "server/loss/mining.h"
#include "server/loss/policy_options.h"
#include "server/loss/wide.h"

namespace lossd::loss {

struct Batch;

// kLogProbability: what a batch has in place of logits are u = ln p_t themselves.
enum class Activation { kSoftmax, kSigmoid, kLogProbability };

// The weights of the classes. `weights` or `scheme` is given, not both; everything given is
// multiplied.
struct ClassWeighting {
  std::vector<double> weights;           // a class vector (see ClassVectorSize), or empty
  std::optional<SchemeWeights> scheme;   // weights from counts; of this batch when none are given
  std::optional<double> alpha;           // sigmoid: positives by alpha, negatives by 1 - alpha
  std::vector<double> positive_weights;  // sigmoid: [classes] or one value, multiplies positives

  bool empty() const { return weights.empty() && !scheme && !alpha && positive_weights.empty(); }
};

// How targets of a teacher are read.
struct TeacherOptions {
  std::optional<double> temperature;  // > 0; unset: the spec's own
  bool scales_by_squared_temperature = false;

  bool empty() const { return !temperature && !scales_by_squared_temperature; }
};

// One activation, one form, and the options around them. Logits go through softcap, temperature,
// logit adjustment and form, in this order; derivatives are with respect to the batch's logits.
struct LossSpec {
  Activation activation = Activation::kSoftmax;
  const FormInfo* form = &CrossEntropyForm();
  FormParameters parameters = {};
  ClassWeighting class_weighting;
  double label_smoothing = 0;  // [0, 1)
  std::optional<int64_t> ignore_index;
  double temperature = 1;  // τ > 0; z / τ
  double softcap = 0;      // c > 0; c tanh(z / c); 0 is off
  double z_loss = 0;       // λ ≥ 0, softmax: adds λ logsumexp(z)² of the final logits
  LogitAdjustment logit_adjustment;
  Mining mining;
  PolicyOptions policy;
  TeacherOptions teacher;

  // Returns what multiplies the loss, but for z_loss.
  Wide target_scale() const {
    return teacher.scales_by_squared_temperature ? Wide{temperature} * temperature : 1;
  }
};

// Returns true when the loss is computed by way of u = ln p_t, sample by sample, and what the
// batch's rollout says of each.
bool ReadsRollout(const Batch& batch, const LossSpec& spec);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_LOSS_SPEC_H_
