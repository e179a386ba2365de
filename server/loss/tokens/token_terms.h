#ifndef LOSSD_SERVER_LOSS_TOKENS_TOKEN_TERMS_H_
#define LOSSD_SERVER_LOSS_TOKENS_TOKEN_TERMS_H_

#include <vector>

#include "absl/types/span.h"
#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/loss/mining.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// What a loss that reads a rollout takes of whole sequences: means over their samples that are not
// ignored, which all of them count alike.
class TokenTerms {
 public:
  // `log_p` are those of all samples, and read by losses of a sequence's ratio alone.
  template <typename T>
  TokenTerms(const Batch& batch, const LossSpec& spec, const MiningDecision& decided,
             absl::Span<const T> log_p, const Cancellation& cancellation);

  // Returns the mean of u − o of each sequence; empty where the ratio is that of a token.
  absl::Span<const double> log_ratios() const { return log_ratios_; }

  // Returns the mean of o − q of each sequence; empty where importance weights are those of tokens,
  // or there are none.
  absl::Span<const double> log_weights() const { return log_weights_; }

 private:
  std::vector<double> log_ratios_;
  std::vector<double> log_weights_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_TOKEN_TERMS_H_
