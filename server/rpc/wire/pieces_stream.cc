#include "server/rpc/wire/pieces_stream.h"

#include <algorithm>

#include "absl/strings/string_view.h"

namespace lossd::rpc {

bool PiecesStream::Next(const void** data, int* size) {
  if (read_ == bytes_.size()) return false;
  const absl::string_view piece = bytes_.PieceAt(read_);
  *data = piece.data();
  *size = static_cast<int>(piece.size());
  read_ += piece.size();
  return true;
}

void PiecesStream::BackUp(int count) { read_ -= static_cast<size_t>(count); }

bool PiecesStream::Skip(int count) {
  const size_t skipped = std::min(static_cast<size_t>(count), bytes_.size() - read_);
  read_ += skipped;
  return skipped == static_cast<size_t>(count);
}

}  // namespace lossd::rpc
