#ifndef LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_
#define LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/loss/loss_spec.h"

namespace lossd::loss {

// What happens to logits before the form sees them, in this order: softcap, temperature, logit
// adjustment. Each is applied to one logit at a time once the row's constants are known, so that
// the chain rule back to the request's logits is two numbers per logit.
class LogitTransform {
 public:
  explicit LogitTransform(const LossSpec& spec);

  // Logits go through unchanged.
  bool identity() const { return identity_; }

  // Replaces `logits` (a row of softmax, or any run of sigmoid elements) by the transformed ones
  // and writes the first and second derivatives of each with respect to what it was. `true_class`
  // is read by margin and seesaw alone; -1: none, and they leave the row as it is.
  void Apply(int64_t true_class, absl::Span<double> logits, absl::Span<double> first,
             absl::Span<double> second) const;

 private:
  void ApplySoftcap(absl::Span<double> logits, absl::Span<double> first,
                    absl::Span<double> second) const;
  void AddSeesaw(int64_t true_class, absl::Span<double> logits) const;

  double softcap_;
  double temperature_;
  LogitAdjustment adjustment_;
  bool identity_;
  // Per class: what prior adds, the margin that LDAM takes off the true class, or ln of seesaw's
  // counts.
  std::vector<double> constants_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_
