#ifndef LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_
#define LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "server/loss/loss_spec.h"
#include "server/loss/wide.h"
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

  // Replaces the logits of a softmax row by the transformed ones less the largest of these, which
  // may be beyond double's range. Returns that one, or nothing, with the logits as they were, when
  // one of them is not below +inf or all are -inf.
  std::optional<Wide> ApplyBelowLargest(int64_t true_class, absl::Span<double> logits) const;

  // Returns true when the numbers that logits are capped, scaled and moved by are of ordinary
  // sizes.
  bool IsShape() const;

  // Returns true when logits are multiplied by scale() and nothing else, a number of ordinary size.
  bool IsScale() const;

  // What IsShape() speaks of. `scale` multiplies the capped logits, and the derivatives; the
  // numbers are [classes], or none.
  double softcap() const { return softcap_; }
  double scale() const { return first_slope_; }
  absl::Span<const double> addends() const;
  absl::Span<const double> margins() const { return margins_; }
  absl::Span<const double> log_counts() const;
  const SeesawAdjustment* seesaw() const { return std::get_if<SeesawAdjustment>(&adjustment_); }

  // First derivatives are 2^-exponent times what they are, second ones 2^(-2 exponent) times: not 0
  // where a temperature is so tiny or huge that they, or products of them, would leave double's
  // range.
  int exponent() const { return exponent_; }

  // Returns the derivative by a request's logit that was computed with those.
  double DerivativeOf(double computed) const {
    return exponent_ == 0 ? computed : std::ldexp(computed, exponent_);
  }

 private:
  double Cap(double z) const;
  void ApplySoftcap(absl::Span<double> logits, absl::Span<double> first,
                    absl::Span<double> second) const;
  // Makes the form's logits of capped ones.
  template <typename Number>
  void Adjust(int64_t true_class, absl::Span<Number> logits) const;
  template <typename Number>
  void AddSeesaw(int64_t true_class, absl::Span<Number> logits) const;
  void FindSlopes();

  double softcap_;
  double temperature_;
  LogitAdjustment adjustment_;
  bool identity_;
  int exponent_ = 0;
  double first_slope_ = 1;   // of Adjust, times 2^-exponent
  double second_slope_ = 1;  // of Adjust, times 2^(-2 exponent)
  // Per class: the term that prior adds, the margin that LDAM takes off the true class, or ln of
  // seesaw's counts.
  std::vector<double> constants_;
  std::vector<double> margins_;  // of LDAM, times its scale
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_LOGIT_TRANSFORM_H_
