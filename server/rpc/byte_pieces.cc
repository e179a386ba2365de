#include "server/rpc/byte_pieces.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace lossd::rpc {

void BytePieces::Append(absl::string_view piece) {
  if (piece.empty()) return;
  pieces_.push_back({size_, piece});
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

std::vector<absl::string_view> BytePieces::pieces() const {
  std::vector<absl::string_view> pieces;
  pieces.reserve(pieces_.size());
  for (const Piece& piece : pieces_) pieces.push_back(piece.bytes);
  return pieces;
}

BytePieces BytePieces::Slice(size_t offset, size_t size) const {
  assert(offset + size <= size_);
  BytePieces slice;
  if (size == 0) return slice;
  for (size_t i = IndexAt(offset); slice.size() < size; ++i) {
    const Piece& piece = pieces_[i];
    const size_t skipped = offset + slice.size() - piece.begin;
    slice.Append(piece.bytes.substr(skipped, size - slice.size()));
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

}  // namespace lossd::rpc
