#include "server/memory/freed_memory.h"

#include <cstdint>
#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace lossd {
namespace {

#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)

// Puts the heap's first part on huge pages where the system gives them on demand: requests are read
// into blocks of 64 KiB, and copying those then takes fewer entries of the TLB. Memory that is not
// touched takes no pages, but of a page of 2 MiB all is touched at once.
void AskForHugePages() {
  constexpr size_t kSize = size_t{384} << 20;  // less than is trimmed
  mallopt(M_MMAP_MAX, 0);                      // The block lies in the heap, not beside it.
  void* const heap = std::malloc(kSize);
  mallopt(M_MMAP_MAX, 65536);  // glibc's own
  if (heap == nullptr) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t past_page = reinterpret_cast<uintptr_t>(heap) % page;
  const size_t skipped = (page - past_page) % page;
  madvise(static_cast<char*>(heap) + skipped, kSize - skipped, MADV_HUGEPAGE);
  std::free(heap);
}

#else

void AskForHugePages() {}

#endif

}  // namespace

void ReturnFreedMemory() {
#ifdef __GLIBC__
  malloc_trim(0);
  // The heap has shrunk, and where it grows again it has forgotten.
  AskForHugePages();
#endif
}

void KeepFreedMemory() {
#ifdef __GLIBC__
  // A request is read on the thread that polls its connection, which may be any. With an arena for
  // each thread, every one of them would come to keep a request's memory, and no other could use
  // it.
  mallopt(M_ARENA_MAX, 1);
  // The largest value that glibc takes; larger blocks are mapped and unmapped one by one.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  AskForHugePages();
#endif
}

}  // namespace lossd
