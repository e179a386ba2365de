#ifndef LOSSD_TESTS_SERVER_RPC_HANDLERS_COUNTED_MEMORY_H_
#define LOSSD_TESTS_SERVER_RPC_HANDLERS_COUNTED_MEMORY_H_

#include <cstdint>

namespace lossd {

// The bytes that operator new has given out in this program and not got back, and their most since
// ResetPeak(). Programs that link counted_memory.cc count them.
int64_t MemoryInUse();
int64_t PeakOfMemory();
void ResetPeak();

}  // namespace lossd

#endif  // LOSSD_TESTS_SERVER_RPC_HANDLERS_COUNTED_MEMORY_H_
