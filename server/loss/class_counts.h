#ifndef LOSSD_SERVER_LOSS_CLASS_COUNTS_H_
#define LOSSD_SERVER_LOSS_CLASS_COUNTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"

namespace lossd::loss {

// Entries in the class vectors (counts, weights, statistics) of such a batch: its classes, but
// {negative, positive} for one-logit rows beside sigmoid.
int64_t ClassVectorSize(const Batch& batch, Activation activation);

// Counts [classes] of the valid samples by unsmoothed target (soft targets summed, integer labels
// counted), without sample weights. For one-logit rows beside sigmoid: {negative, positive}.
std::vector<double> CountClasses(const Batch& batch, Activation activation,
                                 std::optional<int64_t> ignore_index);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_CLASS_COUNTS_H_
