#ifndef LOSSD_SERVER_RPC_WIRE_SENT_BYTES_H_
#define LOSSD_SERVER_RPC_WIRE_SENT_BYTES_H_

#include <cstddef>
#include <string>
#include <utility>
#include <variant>

#include "absl/container/inlined_vector.h"
#include "server/memory/buffer_pool.h"

namespace lossd::rpc {

// A serialized message to be sent: what protobuf wrote, and tensors' elements in the buffers that
// they were computed in. A transport sends the pieces in their order and copies no Buffer.
class SentBytes {
 public:
  using Piece = std::variant<std::string, Buffer>;
  using Pieces = absl::InlinedVector<Piece, 1>;

  SentBytes() = default;
  explicit SentBytes(std::string bytes) { Append(std::move(bytes)); }
  SentBytes(SentBytes&&) = default;
  SentBytes& operator=(SentBytes&&) = default;

  void Append(std::string bytes) {
    size_ += bytes.size();
    pieces_.emplace_back(std::move(bytes));
  }
  void Append(Buffer bytes) {
    size_ += bytes.size();
    pieces_.emplace_back(std::move(bytes));
  }

  // Appends the pieces of `bytes`.
  void Append(SentBytes bytes) {
    size_ += bytes.size_;
    for (Piece& piece : bytes.pieces_) pieces_.push_back(std::move(piece));
  }

  size_t size() const { return size_; }
  const Pieces& pieces() const { return pieces_; }
  Pieces TakePieces() && { return std::move(pieces_); }

 private:
  size_t size_ = 0;
  Pieces pieces_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_SENT_BYTES_H_
