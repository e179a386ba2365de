#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_PROTO_BUFFER_READER_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_PROTO_BUFFER_READER_H_

#include <cstddef>

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"

namespace grpc {

class ProtoBufferReader {
 public:
  explicit ProtoBufferReader(ByteBuffer* buffer) : buffer_(*buffer) {}

  Status status() const {
    if (!buffer_.Valid()) return {StatusCode::FAILED_PRECONDITION, "no message"};
    return Status::OK;
  }
  bool Next(const void** data, int* size) {
    if (next_ == buffer_.slices().size()) return false;
    const Slice& slice = buffer_.slices()[next_++];
    *data = slice.begin();
    *size = static_cast<int>(slice.size());
    return true;
  }

 private:
  const ByteBuffer& buffer_;
  size_t next_ = 0;
};

}  // namespace grpc

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_PROTO_BUFFER_READER_H_
