#include "server/freed_memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace lossd {

void KeepFreedMemory() {
#ifdef __GLIBC__
  // The most that glibc takes; larger blocks are mapped and unmapped one by one.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

}  // namespace lossd
