#ifndef LOSSD_PROTO_WIRE_BYTE_PIECES_H_
#define LOSSD_PROTO_WIRE_BYTE_PIECES_H_

#include <cstddef>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace lossd::wire {

// Owns the memory of some bytes.
class BytesOwner {
 public:
  virtual ~BytesOwner() = default;

  // Frees the memory; nobody reads the bytes any more. Called at most once, by any thread.
  virtual void Release() = 0;
};

// A sequence of bytes that lies in one or more places, such as a tensor in the slices of a
// connection. It owns nothing but the list of the places.
class BytePieces {
 public:
  struct Piece {
    size_t begin;  // the position of its first byte in the sequence
    absl::string_view bytes;
    BytesOwner* owner;  // of these bytes and no others; may be null
  };

  BytePieces() = default;
  // Implicit: bytes in one piece are the usual case.
  BytePieces(absl::string_view bytes) { Append(bytes); }  // NOLINT(google-explicit-constructor)

  void Append(absl::string_view piece, BytesOwner* owner = nullptr);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Returns the bytes from `offset` to the end of the piece that `offset` lies in. Needs
  // offset < size().
  absl::string_view PieceAt(size_t offset) const;

  // In order; none is empty.
  absl::Span<const Piece> pieces() const { return pieces_; }

  // Returns the bytes [offset, offset + size). A piece of which the slice has only a part has no
  // owner in it. Needs offset + size <= size().
  BytePieces Slice(size_t offset, size_t size) const;

  // Copies the bytes [offset, offset + out.size()). Needs offset + out.size() <= size().
  void CopyTo(size_t offset, absl::Span<char> out) const;

 private:
  size_t IndexAt(size_t offset) const;

  absl::InlinedVector<Piece, 1> pieces_;  // none of them empty
  size_t size_ = 0;
};

}  // namespace lossd::wire

#endif  // LOSSD_PROTO_WIRE_BYTE_PIECES_H_
