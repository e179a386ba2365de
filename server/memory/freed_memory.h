#ifndef LOSSD_SERVER_MEMORY_FREED_MEMORY_H_
#define LOSSD_SERVER_MEMORY_FREED_MEMORY_H_

namespace lossd {

// Has the process keep memory that it frees, up to half a gigabyte, for the next call. Given back
// to the system it would return as fresh pages, and those cost about as much as filling them. Most
// of it lies on huge pages, where the system gives them to who asks (madvise).
void KeepFreedMemory();

}  // namespace lossd

#endif  // LOSSD_SERVER_MEMORY_FREED_MEMORY_H_
