#ifndef LOSSD_SERVER_MEMORY_FREED_MEMORY_H_
#define LOSSD_SERVER_MEMORY_FREED_MEMORY_H_

namespace lossd {

// Makes malloc keep up to half a gigabyte of freed memory. Pages that go back to the system come
// back zeroed, which costs as much as filling them. Most of that memory lies on huge pages where
// the system gives them on demand (madvise).
void KeepFreedMemory();

// Returns to the system what malloc keeps now; it goes on to keep what is freed from here on.
void ReturnFreedMemory();

}  // namespace lossd

#endif  // LOSSD_SERVER_MEMORY_FREED_MEMORY_H_
