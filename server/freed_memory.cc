#include "server/freed_memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace lossd {

void KeepFreedMemory() {
#ifdef __GLIBC__
  // A request is read on whichever thread polls its connection. With an arena for each thread every
  // one of them would come to keep a request's memory, and nobody else could use it.
  mallopt(M_ARENA_MAX, 1);
  // The most that glibc takes; larger blocks are mapped and unmapped one by one.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

}  // namespace lossd
