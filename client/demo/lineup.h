#ifndef LOSSD_CLIENT_DEMO_LINEUP_H_
#define LOSSD_CLIENT_DEMO_LINEUP_H_

#include <cstddef>
#include <vector>

#include "client/demo/training.h"

namespace lossd::demo {

// The position of each loss in the line-up.
enum LineupIndex : size_t {
  kCrossEntropy,
  kBalancedCrossEntropy,
  kFocal,
  kWeightedFocal,
  kSquaredError,
  kLineupSize,
};

// Returns the losses that the demo trains with, in this order. `counts` are those of the whole
// training set: weights made from a batch's own would change from batch to batch.
std::vector<NamedLoss> Lineup(const std::vector<double>& counts);

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_LINEUP_H_
