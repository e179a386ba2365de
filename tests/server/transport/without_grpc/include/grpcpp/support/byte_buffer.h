#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_BYTE_BUFFER_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_BYTE_BUFFER_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "grpcpp/support/slice.h"
#include "grpcpp/support/status.h"

namespace grpc {

class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(const Slice* slices, size_t count) : slices_(slices, slices + count), valid_(true) {}

  size_t Length() const {
    size_t length = 0;
    for (const Slice& slice : slices_) length += slice.size();
    return length;
  }
  Status Dump(std::vector<Slice>* slices) const {
    if (!valid_) return {StatusCode::FAILED_PRECONDITION, "no message"};
    *slices = slices_;
    return Status::OK;
  }
  void Clear() { ByteBuffer().Swap(this); }
  void Swap(ByteBuffer* other) {
    slices_.swap(other->slices_);
    std::swap(valid_, other->valid_);
  }
  bool Valid() const { return valid_; }
  const std::vector<Slice>& slices() const { return slices_; }

 private:
  std::vector<Slice> slices_;
  bool valid_ = false;
};

}  // namespace grpc

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_BYTE_BUFFER_H_
