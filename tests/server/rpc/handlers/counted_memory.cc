#include "tests/server/rpc/handlers/counted_memory.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace lossd {
namespace {

std::atomic<int64_t> in_use = 0;
std::atomic<int64_t> peak = 0;

// What lies before the memory that is given out.
struct Header {
  void* block;
  int64_t size;
};

void* Allocate(size_t size, size_t alignment) {
  const size_t before = std::max(alignment, sizeof(Header));
  const size_t whole = (before + size + alignment - 1) / alignment * alignment;
  void* const block = std::aligned_alloc(alignment, whole);
  if (block == nullptr) throw std::bad_alloc();
  char* const memory = static_cast<char*>(block) + before;
  const auto counted = static_cast<int64_t>(size);
  new (memory - sizeof(Header)) Header{block, counted};
  const int64_t now = in_use += counted;
  int64_t most = peak;
  while (most < now && !peak.compare_exchange_weak(most, now)) {
  }
  return memory;
}

void Free(void* memory) {
  if (memory == nullptr) return;
  const Header header = *reinterpret_cast<Header*>(static_cast<char*>(memory) - sizeof(Header));
  in_use -= header.size;
  std::free(header.block);
}

}  // namespace

int64_t MemoryInUse() { return in_use; }
int64_t PeakOfMemory() { return peak; }
void ResetPeak() { peak = in_use.load(); }

}  // namespace lossd

void* operator new(size_t size) { return lossd::Allocate(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return lossd::Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { lossd::Free(memory); }
void operator delete(void* memory, size_t) noexcept { lossd::Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { lossd::Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { lossd::Free(memory); }
