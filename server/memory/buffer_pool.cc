#include "server/memory/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/threads/mutex.h"

namespace lossd {
namespace {

// malloc keeps smaller ones itself.
constexpr size_t kSmallestPooled = size_t{256} << 10;
// Where pages are this large, a big buffer takes far fewer page faults and entries of the TLB.
constexpr size_t kHugePage = size_t{2} << 20;

bool IsPooled(size_t size) { return size >= kSmallestPooled; }

// Batches of one training job differ a little in size; rounded up they fit the same buffers.
size_t CapacityFor(size_t size) {
  const size_t step = size >= 8 * kHugePage ? kHugePage : kSmallestPooled;
  return (size + step - 1) / step * step;
}

std::align_val_t AlignmentOf(size_t capacity) {
  return std::align_val_t{capacity >= kHugePage ? kHugePage : kBufferAlignment};
}

void* Allocate(size_t capacity) {
  void* data = ::operator new(capacity, AlignmentOf(capacity));
#ifdef MADV_HUGEPAGE
  // Whole pages only: a rest would make more memory resident than was asked for.
  if (capacity >= kHugePage) madvise(data, capacity / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return data;
}

void Free(void* data, size_t capacity) { ::operator delete(data, AlignmentOf(capacity)); }

}  // namespace

// Aligns by hand: for aligned memory malloc cuts a larger block in three, which takes more time
// than a small batch takes to be computed.
Buffer::Buffer(size_t size) : size_(size), capacity_(size + kBufferAlignment - 1) {
  if (size == 0) return;
  block_ = data_ = ::operator new(capacity_);
  size_t space = capacity_;
  std::align(kBufferAlignment, size, data_, space);
}

Buffer::Buffer(Buffer&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      pool_(std::move(other.pool_)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  Release();
  block_ = std::exchange(other.block_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  pool_ = std::move(other.pool_);
  return *this;
}

Buffer::~Buffer() { Release(); }

void Buffer::Release() {
  if (block_ == nullptr) return;
  if (pool_ != nullptr) {
    pool_->Return(block_, capacity_);
  } else {
    ::operator delete(block_);
  }
  block_ = data_ = nullptr;
}

class BufferPool::Idle {
 public:
  explicit Idle(size_t max_bytes) : max_bytes_(max_bytes) {}
  ~Idle() {
    for (const Block& block : blocks_) Free(block.data, block.capacity);
  }

  // Takes the smallest buffer that is large enough and not wasteful. Returns nullptr when there is
  // none.
  void* Take(size_t& capacity) {
    const MutexLock lock(&mutex_);
    auto best = blocks_.end();
    for (auto it = blocks_.begin(); it != blocks_.end(); ++it) {
      if (it->capacity < capacity || it->capacity > capacity + capacity / 2) continue;
      if (best == blocks_.end() || it->capacity < best->capacity) best = it;
    }
    if (best == blocks_.end()) return nullptr;
    void* const data = best->data;
    capacity = best->capacity;
    bytes_ -= capacity;
    blocks_.erase(best);
    return data;
  }

  // Destructors call it: where there is no memory to keep account of a buffer, it is not kept.
  void Put(void* data, size_t capacity) noexcept {
    if (!Keep({data, capacity})) Free(data, capacity);
    while (const std::optional<Block> dropped = TakeOneTooMany()) {
      Free(dropped->data, dropped->capacity);
    }
  }

  void Drop() {
    std::vector<Block> dropped;
    {
      const MutexLock lock(&mutex_);
      dropped.swap(blocks_);
      bytes_ = 0;
    }
    for (const Block& block : dropped) Free(block.data, block.capacity);
  }

  size_t bytes() const {
    const MutexLock lock(&mutex_);
    return bytes_;
  }

 private:
  struct Block {
    void* data;
    size_t capacity;
  };

  bool Keep(const Block& block) noexcept {
    const MutexLock lock(&mutex_);
    try {
      blocks_.push_back(block);
    } catch (const std::bad_alloc&) {
      return false;
    }
    bytes_ += block.capacity;
    return true;
  }

  // Returns the longest unused while there are more bytes than may be kept.
  std::optional<Block> TakeOneTooMany() {
    const MutexLock lock(&mutex_);
    if (bytes_ <= max_bytes_) return std::nullopt;
    const Block block = blocks_.front();
    bytes_ -= block.capacity;
    blocks_.erase(blocks_.begin());
    return block;
  }

  const size_t max_bytes_;
  mutable Mutex mutex_;
  std::vector<Block> blocks_ ABSL_GUARDED_BY(mutex_);  // the longest unused first
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

std::shared_ptr<BufferPool> BufferPool::Create(size_t max_idle_bytes) {
  return std::shared_ptr<BufferPool>(
      new BufferPool(max_idle_bytes));  // The constructor is private.
}

BufferPool::BufferPool(size_t max_idle_bytes) : idle_(std::make_unique<Idle>(max_idle_bytes)) {}

BufferPool::~BufferPool() = default;

Buffer BufferPool::Take(size_t size) {
  if (!IsPooled(size)) return Buffer(size);
  Buffer buffer;
  buffer.size_ = size;
  buffer.capacity_ = CapacityFor(size);
  buffer.block_ = idle_->Take(buffer.capacity_);
  if (buffer.block_ == nullptr) buffer.block_ = Allocate(buffer.capacity_);
  buffer.data_ = buffer.block_;
  buffer.pool_ = shared_from_this();
  return buffer;
}

void BufferPool::DropIdle() { idle_->Drop(); }

size_t BufferPool::idle_bytes() const { return idle_->bytes(); }

void BufferPool::Return(void* data, size_t capacity) { idle_->Put(data, capacity); }

}  // namespace lossd
