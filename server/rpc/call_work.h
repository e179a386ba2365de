#ifndef LOSSD_SERVER_RPC_CALL_WORK_H_
#define LOSSD_SERVER_RPC_CALL_WORK_H_

#include <cstdint>

namespace lossd::rpc {

// What a call takes beside its request, told before it is taken. A request of a hundred bytes may
// ask for gigabytes and minutes. Estimates from above, within a small factor; they saturate.
struct CallWork {
  // Numbers that are read, computed or written, rows · classes · losses and the like, each as many
  // times as it takes nanoseconds, roughly.
  int64_t operations = 0;
  // Memory: the answer, and what it is computed with.
  int64_t bytes = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_CALL_WORK_H_
