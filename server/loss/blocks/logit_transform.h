#ifndef LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_
#define LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/loss/loss_spec.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// The way of logits to the form: softcap, temperature, logit adjustment, in this order. Each acts
// on one logit at a time when the row's constants are known, so that the chain rule back to the
// request's logits is two numbers per logit.
class LogitTransform {
 public:
  explicit LogitTransform(const LossSpec& spec, const Cancellation& cancellation = {});

  // Returns true when logits go through unchanged.
  bool identity() const { return identity_; }

  // Replaces `logits` (a row of softmax, or any elements of sigmoid) by the transformed ones, and
  // writes the first and second derivatives of each with respect to the one that it replaces.
  // `true_class` is read by margin and seesaw alone, which change nothing when it is -1.
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
  // Per class: the term that prior adds, the margin that LDAM takes off the true class, or ln of
  // seesaw's counts.
  std::vector<double> constants_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_
