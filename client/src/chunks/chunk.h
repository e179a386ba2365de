#ifndef LOSSD_CLIENT_SRC_CHUNKS_CHUNK_H_
#define LOSSD_CLIENT_SRC_CHUNKS_CHUNK_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "client/src/chunks/row_range.h"
#include "lossd/rollout.h"

namespace lossd::client {

// A part of a batch: some of its rows and, of a packed batch, the sequences that they are.
struct Chunk {
  RowRange rows;
  RowRange sequences;
};

// Returns the chunks of `rows` rows, of `chunk_rows` each but for the last. Those of a packed batch
// end where sequences do: each has as many as stay within `chunk_rows`, and at least one. Returns
// INVALID_ARGUMENT when the lengths do not add up to the rows.
absl::StatusOr<std::vector<Chunk>> CutRows(int64_t rows, int64_t chunk_rows,
                                           const SequenceLengths& lengths);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_CHUNK_H_
