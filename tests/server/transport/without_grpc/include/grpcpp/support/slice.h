#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_SLICE_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_SLICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace grpc {

// Bytes that are shared and never change.
class Slice {
 public:
  Slice() = default;
  Slice(const void* bytes, size_t size)
      : memory_(std::make_shared<std::string>(static_cast<const char*>(bytes), size)),
        bytes_(std::static_pointer_cast<std::string>(memory_)->data()),
        size_(size) {}
  // `destroy` is called with `user_data` when nobody has the slice any more.
  Slice(void* bytes, size_t size, void (*destroy)(void*), void* user_data)
      : memory_(user_data, destroy), bytes_(bytes), size_(size) {}

  const uint8_t* begin() const { return static_cast<const uint8_t*>(bytes_); }
  const uint8_t* end() const { return begin() + size_; }
  size_t size() const { return size_; }

 private:
  std::shared_ptr<void> memory_;
  const void* bytes_ = nullptr;
  size_t size_ = 0;
};

}  // namespace grpc

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_SLICE_H_
