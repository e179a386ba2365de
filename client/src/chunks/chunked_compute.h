#ifndef LOSSD_CLIENT_SRC_CHUNKS_CHUNKED_COMPUTE_H_
#define LOSSD_CLIENT_SRC_CHUNKS_CHUNKED_COMPUTE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/src/call/connection.h"
#include "client/src/chunks/chunk.h"
#include "client/src/convert/destinations.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"

namespace lossd::client {

// A batch that can be cut: `loss` and `options` have everything that depends on the whole batch,
// and a recording has its request's name.
template <typename T>
struct ChunkedBatch {
  const ArrayView<T>& logits;
  const Labels& labels;
  const LossSpec& loss;
  const ComputeOptions& options;
  Destinations<T> destinations;  // the caller's own memory
};

struct ChunkLimits {
  int32_t window = 1;   // chunks on their way at once
  absl::Duration time;  // for all of it
};

// Sends the chunks over one stream, and merges the answers.
template <typename T>
absl::StatusOr<Result<T>> ComputeInChunks(const std::shared_ptr<const Connection>& connection,
                                          const ChunkedBatch<T>& batch,
                                          const std::vector<Chunk>& chunks,
                                          const ChunkLimits& limits);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_CHUNKED_COMPUTE_H_
