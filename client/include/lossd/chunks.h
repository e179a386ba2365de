#ifndef LOSSD_CHUNKS_H_
#define LOSSD_CHUNKS_H_

#include <cstdint>
#include <optional>

namespace lossd {

// How Client::ComputeChunked cuts a batch.
struct ChunkOptions {
  // About how many bytes of logits a chunk has; each has at least one row. The default is small
  // enough that several chunks are on their way while one is computed, and so large that the cost
  // of a message is negligible.
  int64_t chunk_bytes = int64_t{2} << 20;

  // How many chunks may be on their way at once, at least 1. The server may have a lower limit.
  int32_t window = 4;
};

}  // namespace lossd

#endif  // LOSSD_CHUNKS_H_
