#ifndef LOSSD_SERVER_LOSS_INFORMATION_H_
#define LOSSD_SERVER_LOSS_INFORMATION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

enum class InformationBase { kNat, kBit, kHartley };
enum class DistributionSource { kWeights, kLogits };

// Measures of rows of distributions (Shannon 1948; Kullback & Leibler 1951; Lin 1991).
struct Information {
  std::vector<double> self_information;  // [rows, outcomes], when asked for
  std::vector<double> entropy;           // [rows]
  std::vector<double> cross_entropy;     // [rows], when q is given
  std::vector<double> kl_divergence;     // [rows], cross entropy - entropy
  std::vector<double> jensen_shannon;    // [rows]
};

struct InformationOptions {
  InformationBase base = InformationBase::kNat;
  DistributionSource source = DistributionSource::kWeights;
  bool self_information = false;
};

// Measures `p` and `q`, both [rows, outcomes]; `q` may be empty. Weights are finite and ≥ 0 with no
// row all zero, and each row is divided by its sum. Logits go through a softmax.
Information MeasureInformation(absl::Span<const double> p, absl::Span<const double> q,
                               int64_t outcomes, const InformationOptions& options,
                               const Cancellation& cancellation = {});

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_INFORMATION_H_
