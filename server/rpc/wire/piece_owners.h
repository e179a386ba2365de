#ifndef LOSSD_SERVER_RPC_WIRE_PIECE_OWNERS_H_
#define LOSSD_SERVER_RPC_WIRE_PIECE_OWNERS_H_

#include <atomic>
#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "proto/wire/byte_pieces.h"

namespace lossd::rpc {

// Tells the owners of a sequence's pieces to release each as soon as all of its bytes were read.
// Thread-safe.
class PieceOwners {
 public:
  // Takes the pieces of a sequence from its byte 0 on. They must outlive this.
  explicit PieceOwners(absl::Span<const wire::BytePieces::Piece> pieces);

  // Releases the bytes [begin, end) of the sequence, which are read no more. Each byte is released
  // once.
  void Release(size_t begin, size_t end);

 private:
  const absl::Span<const wire::BytePieces::Piece> pieces_;
  std::vector<std::atomic<size_t>> unread_;  // bytes of each piece
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_PIECE_OWNERS_H_
