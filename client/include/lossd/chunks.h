#ifndef LOSSD_CHUNKS_H_
#define LOSSD_CHUNKS_H_

#include <cstdint>
#include <optional>

namespace lossd {

// How Client::ComputeChunked cuts a batch.
struct ChunkOptions {
  // About how many bytes of logits a chunk has; at least one row is in each. Small enough that
  // several chunks are on their way while one is computed, large enough that a message's own costs
  // do not count.
  int64_t chunk_bytes = int64_t{2} << 20;

  // How many chunks may be on their way at once, at least 1; the server may take fewer.
  int32_t window = 4;
};

}  // namespace lossd

#endif  // LOSSD_CHUNKS_H_
