#ifndef LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_
#define LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_

#include <cstdint>

#include "absl/status/status.h"

namespace lossd::client {

// The entries of the batch that a chunk begins with.
struct ChunkStart {
  int64_t row = 0;
  int64_t sequence = 0;   // of a packed batch
  int64_t advantage = 0;  // the row or the sequence
};

// Returns the error of a chunk with the row numbers of the batch, in the message and in the
// violations: "labels[3]" becomes "labels[1003]" when the chunk begins with row 1000. Changes the
// first indices of the arrays that have an entry for each row or for each sequence.
absl::Status ShiftRows(const absl::Status& error, const ChunkStart& start);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_
