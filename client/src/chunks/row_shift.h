#ifndef LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_
#define LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_

#include <cstdint>

#include "absl/status/status.h"

namespace lossd::client {

// Returns the error of a chunk with the row numbers of the batch, in the message and in the
// violations: "labels[3]" becomes "labels[1003]" when the chunk begins with row 1000. Changes the
// indices of labels, sample_weights and upstream_gradient, which have the batch's rows.
absl::Status ShiftRows(const absl::Status& error, int64_t first_row);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_
