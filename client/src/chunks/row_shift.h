#ifndef LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_
#define LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_

#include <cstdint>

#include "absl/status/status.h"

namespace lossd::client {

// The error of a chunk as that of the batch whose row `first_row` the chunk begins with:
// "labels[3]" becomes "labels[1003]", in the message and in the violations. Arrays that have a row
// for each of the batch's are labels, sample_weights and upstream_gradient.
absl::Status ShiftRows(const absl::Status& error, int64_t first_row);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_ROW_SHIFT_H_
