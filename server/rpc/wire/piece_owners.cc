#include "server/rpc/wire/piece_owners.h"

#include <algorithm>
#include <cassert>

namespace lossd::rpc {

PieceOwners::PieceOwners(absl::Span<const wire::BytePieces::Piece> pieces)
    : pieces_(pieces), unread_(pieces.size()) {
  for (size_t i = 0; i < pieces.size(); ++i) unread_[i] = pieces[i].bytes.size();
}

void PieceOwners::Release(size_t begin, size_t end) {
  if (begin >= end) return;
  const auto after =
      std::upper_bound(pieces_.begin(), pieces_.end(), begin,
                       [](size_t at, const wire::BytePieces::Piece& p) { return at < p.begin; });
  for (auto i = static_cast<size_t>(after - pieces_.begin()) - 1; i < pieces_.size(); ++i) {
    const wire::BytePieces::Piece& piece = pieces_[i];
    if (piece.begin >= end) return;
    const size_t piece_end = piece.begin + piece.bytes.size();
    const size_t released = std::min(end, piece_end) - std::max(begin, piece.begin);
    // The thread that releases the last byte has seen the reading of all others end.
    const size_t before = unread_[i].fetch_sub(released, std::memory_order_acq_rel);
    assert(before >= released);
    if (before == released && piece.owner != nullptr) piece.owner->Release();
  }
}

}  // namespace lossd::rpc
