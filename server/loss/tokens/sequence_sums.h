#ifndef LOSSD_SERVER_LOSS_TOKENS_SEQUENCE_SUMS_H_
#define LOSSD_SERVER_LOSS_TOKENS_SEQUENCE_SUMS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/loss/sequences.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// Returns the sum of value(i) over the samples i of each sequence.
template <typename Value>
std::vector<double> SumSequences(const Sequences& sequences, int64_t samples,
                                 const Cancellation& cancellation, Value value) {
  std::vector<double> sums(static_cast<size_t>(sequences.count()), 0.0);
  ForEachBlock(samples, 1, cancellation, [&](int64_t begin, int64_t end) {
    sequences.ForEachPart(begin, end, [&](int64_t sequence, int64_t first, int64_t last) {
      // Added one by one, wherever a block ends: a sequence's sum does not depend on its place.
      double& sum = sums[static_cast<size_t>(sequence)];
      for (int64_t i = first; i < last; ++i) sum += value(i);
    });
  });
  return sums;
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_SEQUENCE_SUMS_H_
