#ifndef LOSSD_SERVER_RPC_WIRE_PIECES_STREAM_H_
#define LOSSD_SERVER_RPC_WIRE_PIECES_STREAM_H_

#include <cstddef>
#include <cstdint>

#include "google/protobuf/io/zero_copy_stream.h"
#include "proto/wire/byte_pieces.h"

namespace lossd::rpc {

// Gives protobuf's parser a message piece by piece, without joining the pieces.
class PiecesStream final : public google::protobuf::io::ZeroCopyInputStream {
 public:
  // `bytes` must outlive the stream, and each piece have less than 2 GiB.
  explicit PiecesStream(const wire::BytePieces& bytes) : bytes_(bytes) {}

  bool Next(const void** data, int* size) override;
  void BackUp(int count) override;
  bool Skip(int count) override;
  int64_t ByteCount() const override { return static_cast<int64_t>(read_); }

 private:
  const wire::BytePieces& bytes_;
  size_t read_ = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_PIECES_STREAM_H_
