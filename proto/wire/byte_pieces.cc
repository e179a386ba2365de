#include "proto/wire/byte_pieces.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace lossd::wire {

void BytePieces::Append(absl::string_view piece, BytesOwner* owner) {
  if (piece.empty()) return;
  pieces_.push_back({size_, piece, owner});
  size_ += piece.size();
}

size_t BytePieces::IndexAt(size_t offset) const {
  assert(offset < size_);
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                      [](size_t o, const Piece& p) { return o < p.begin; });
  return static_cast<size_t>(after - pieces_.begin()) - 1;
}

absl::string_view BytePieces::PieceAt(size_t offset) const {
  const Piece& piece = pieces_[IndexAt(offset)];
  return piece.bytes.substr(offset - piece.begin);
}

BytePieces BytePieces::Slice(size_t offset, size_t size) const {
  assert(offset + size <= size_);
  BytePieces slice;
  if (size == 0) return slice;
  for (size_t i = IndexAt(offset); slice.size() < size; ++i) {
    const Piece& piece = pieces_[i];
    const size_t skipped = offset + slice.size() - piece.begin;
    const absl::string_view bytes = piece.bytes.substr(skipped, size - slice.size());
    slice.Append(bytes, bytes.size() == piece.bytes.size() ? piece.owner : nullptr);
  }
  return slice;
}

void BytePieces::CopyTo(size_t offset, absl::Span<char> out) const {
  assert(offset + out.size() <= size_);
  if (out.empty()) return;
  size_t copied = 0;
  for (size_t i = IndexAt(offset); copied < out.size(); ++i) {
    const Piece& piece = pieces_[i];
    const absl::string_view bytes =
        piece.bytes.substr(offset + copied - piece.begin, out.size() - copied);
    std::memcpy(out.data() + copied, bytes.data(), bytes.size());
    copied += bytes.size();
  }
}

}  // namespace lossd::wire
