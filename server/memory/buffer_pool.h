#ifndef LOSSD_SERVER_MEMORY_BUFFER_POOL_H_
#define LOSSD_SERVER_MEMORY_BUFFER_POOL_H_

#include <cstddef>
#include <memory>

namespace lossd {

// A cache line, and the widest vector register.
inline constexpr size_t kBufferAlignment = 64;

class BufferPool;

// Uninitialised memory, aligned to kBufferAlignment. It goes back to where it came from when it is
// destroyed, on any thread.
class Buffer {
 public:
  Buffer() = default;
  // Takes memory from no pool, and on no pages of its own, whatever its size.
  explicit Buffer(size_t size);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  void* data() const { return data_; }
  size_t size() const { return size_; }  // as asked for

 private:
  friend class BufferPool;
  void Release();

  void* block_ = nullptr;  // what is given back; the data begin in it
  void* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  std::shared_ptr<BufferPool> pool_;
};

// Keeps large buffers for the next request: fresh pages cost as much as filling them. Thread-safe.
// The pool lives as long as one of its buffers.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  // Keeps at most `max_idle_bytes` of unused buffers; the longest unused go first.
  static std::shared_ptr<BufferPool> Create(size_t max_idle_bytes);
  ~BufferPool();

  // Returns a buffer of `size` bytes. One of no bytes holds no memory.
  Buffer Take(size_t size);

  // Keeps none of the buffers that are unused now.
  void DropIdle();

  size_t idle_bytes() const;

 private:
  friend class Buffer;
  class Idle;

  explicit BufferPool(size_t max_idle_bytes);
  void Return(void* data, size_t capacity);

  std::unique_ptr<Idle> idle_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_MEMORY_BUFFER_POOL_H_
