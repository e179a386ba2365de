#ifndef LOSSD_SERVER_RPC_WIRE_BYTE_PIECES_H_
#define LOSSD_SERVER_RPC_WIRE_BYTE_PIECES_H_

#include <cstddef>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace lossd::rpc {

// Who has the memory of some bytes.
class BytesOwner {
 public:
  virtual ~BytesOwner() = default;

  // Gives it up; nobody reads them any more. Called at most once, by any thread.
  virtual void Release() = 0;
};

// A run of bytes that lies in one or more places, such as a tensor in the slices of a connection.
// It owns nothing but the list of the places.
class BytePieces {
 public:
  struct Piece {
    size_t begin;  // the place of its first byte in the run
    absl::string_view bytes;
    BytesOwner* owner;  // of these bytes and no others; may be null
  };

  BytePieces() = default;
  // Implicit: bytes in one piece are the usual case.
  BytePieces(absl::string_view bytes) { Append(bytes); }  // NOLINT(google-explicit-constructor)

  void Append(absl::string_view piece, BytesOwner* owner = nullptr);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The piece that starts at `offset`, or the rest of the one that `offset` lies in. `offset` <
  // size.
  absl::string_view PieceAt(size_t offset) const;

  // In order; none is empty.
  absl::Span<const Piece> pieces() const { return pieces_; }

  // Both need offset + size <= size(). Of a piece that is cut, the slice has no owner.
  BytePieces Slice(size_t offset, size_t size) const;
  void CopyTo(size_t offset, absl::Span<char> out) const;

 private:
  size_t IndexAt(size_t offset) const;

  absl::InlinedVector<Piece, 1> pieces_;  // none of them empty
  size_t size_ = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_BYTE_PIECES_H_
