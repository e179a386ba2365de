#ifndef LOSSD_SERVER_RPC_WIRE_PIECE_OWNERS_H_
#define LOSSD_SERVER_RPC_WIRE_PIECE_OWNERS_H_

#include <atomic>
#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "proto/wire/byte_pieces.h"

namespace lossd::rpc {

// Has the owners of a run's pieces give them up as soon as all of their bytes were read.
// Thread-safe.
class PieceOwners {
 public:
  // `pieces` are a run's, which they begin at 0, and outlive it.
  explicit PieceOwners(absl::Span<const wire::BytePieces::Piece> pieces);

  // The bytes [begin, end) of the run are read no more. Each byte is released once.
  void Release(size_t begin, size_t end);

 private:
  const absl::Span<const wire::BytePieces::Piece> pieces_;
  std::vector<std::atomic<size_t>> unread_;  // bytes of each piece
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_PIECE_OWNERS_H_
