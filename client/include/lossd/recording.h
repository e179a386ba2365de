#ifndef LOSSD_RECORDING_H_
#define LOSSD_RECORDING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "lossd/array_view.h"

namespace lossd {

// The training run that a batch is recorded in before it is answered, and what the run is told of
// it. Client::GetRun shows the run. Softmax with integer labels, or sigmoid.
struct Recording {
  // 1 to 128 letters, digits and ._-/
  std::string run = {};

  // The samples' identities in their data set, of the losses' shape: a view, which must outlive the
  // call. A sample may come twice.
  ArrayView<int64_t> sample_ids = {};

  // 1 to 96 bytes. A run counts a request of one name once, however often it is sent: give the same
  // name when you send a batch again, after an error. Empty: a new one, as NewRequestId makes them.
  // Client::ComputeChunked appends `#` and a chunk's first row: send a batch again with the same
  // ChunkOptions.
  std::string request_id = {};

  // The training step, ≥ 0. Unset: the number of batches that the run has; each chunk is one.
  std::optional<int64_t> step = std::nullopt;

  // The epoch, ≥ 0. Unset: the n-th presentation of a sample is of epoch n.
  std::optional<int64_t> epoch = std::nullopt;

  // Finite, ≥ 0: kept with the run's curve.
  std::optional<double> learning_rate = std::nullopt;
};

// Returns a name for a request that no other has: 32 random hexadecimal digits.
std::string NewRequestId();

}  // namespace lossd

#endif  // LOSSD_RECORDING_H_
