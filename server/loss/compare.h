#ifndef LOSSD_SERVER_LOSS_COMPARE_H_
#define LOSSD_SERVER_LOSS_COMPARE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/loss/compute.h"

namespace lossd::loss {

// One loss of those that are compared.
struct Comparison {
  Result result;             // with vanishing_count
  double gradient_norm = 0;  // L2, of the reduced gradient
};

// Computes every loss of `specs` on one batch, in their order. `options` names the reduction and
// the statistics; its gradient_scale is not used. One gradient is held at a time. Errors:
// Compute's.
absl::StatusOr<std::vector<Comparison>> Compare(const Batch& batch,
                                                absl::Span<const LossSpec* const> specs,
                                                const ComputeOptions& options,
                                                const Executor& executor);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_COMPARE_H_
