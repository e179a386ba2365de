#ifndef LOSSD_SERVER_RPC_WIRE_RECEIVED_BYTES_H_
#define LOSSD_SERVER_RPC_WIRE_RECEIVED_BYTES_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "proto/wire/byte_pieces.h"

namespace lossd::rpc {

// A serialized message in the memory that it was received in, and that memory. A transport makes
// it; what is computed from it may release single pieces before the whole is destroyed.
class ReceivedBytes {
 public:
  ReceivedBytes() = default;
  // `memory` holds the bytes of `pieces` and their owners.
  ReceivedBytes(wire::BytePieces pieces, std::shared_ptr<void> memory)
      : pieces_(std::move(pieces)), memory_(std::move(memory)) {}
  ReceivedBytes(ReceivedBytes&&) = default;
  ReceivedBytes& operator=(ReceivedBytes&&) = default;

  const wire::BytePieces& pieces() const { return pieces_; }
  size_t size() const { return pieces_.size(); }

 private:
  wire::BytePieces pieces_;
  std::shared_ptr<void> memory_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_RECEIVED_BYTES_H_
