#ifndef LOSSD_SERVER_LOSS_CLASS_COUNTS_H_
#define LOSSD_SERVER_LOSS_CLASS_COUNTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// Returns how many entries the class vectors (counts, weights, statistics) of a batch have: one for
// each class, or {negative, positive} where Batch::one_logit_classes says so.
int64_t ClassVectorSize(const Batch& batch, Activation activation);

// Counts the valid samples of each entry of a class vector by unsmoothed target, without sample
// weights: soft targets are summed, integer labels counted.
std::vector<double> CountClasses(const Batch& batch, Activation activation,
                                 std::optional<int64_t> ignore_index,
                                 const Cancellation& cancellation = {});

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_CLASS_COUNTS_H_
