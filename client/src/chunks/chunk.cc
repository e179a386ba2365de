#include "client/src/chunks/chunk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/src/status.h"

namespace lossd::client {
namespace {

// Lengths whose sum leaves int64_t's range are more than there are rows.
absl::Status CheckLengths(absl::Span<const int64_t> lengths, int64_t rows) {
  int64_t left = rows;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] < 0) {
      return InvalidField(absl::StrCat("sequence_lengths[", i, "]"),
                          absl::StrCat("= ", lengths[i], ", expected >= 0"));
    }
    if (lengths[i] > left) {
      return InvalidField("sequence_lengths",
                          absl::StrCat("adds up to more, expected the number of samples, ", rows));
    }
    left -= lengths[i];
  }
  if (left == 0) return absl::OkStatus();
  return InvalidField("sequence_lengths", absl::StrCat("adds up to ", rows - left,
                                                       ", expected the number of samples, ", rows));
}

std::vector<Chunk> CutSequences(int64_t rows, int64_t chunk_rows,
                                absl::Span<const int64_t> lengths) {
  const auto count = static_cast<int64_t>(lengths.size());
  std::vector<Chunk> chunks;
  Chunk chunk = {{0, 0, rows}, {0, 0, count}};
  for (const int64_t length : lengths) {
    // Sequences without samples go with their neighbours: a chunk has rows.
    if (length > 0 && chunk.rows.count > 0 && chunk.rows.count + length > chunk_rows) {
      chunks.push_back(chunk);
      chunk.rows = {chunk.rows.first + chunk.rows.count, 0, rows};
      chunk.sequences = {chunk.sequences.first + chunk.sequences.count, 0, count};
    }
    chunk.rows.count += length;
    ++chunk.sequences.count;
  }
  if (chunk.sequences.count > 0) chunks.push_back(chunk);
  return chunks;
}

}  // namespace

absl::StatusOr<std::vector<Chunk>> CutRows(int64_t rows, int64_t chunk_rows,
                                           const SequenceLengths& lengths) {
  if (lengths) {
    const absl::Status status = CheckLengths(lengths->values(), rows);
    if (!status.ok()) return status;
    return CutSequences(rows, chunk_rows, lengths->values());
  }
  std::vector<Chunk> chunks;
  for (int64_t first = 0; first < rows; first += chunk_rows) {
    chunks.push_back({{first, std::min(chunk_rows, rows - first), rows}, {}});
  }
  return chunks;
}

}  // namespace lossd::client
