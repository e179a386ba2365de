#ifndef LOSSD_SERVER_RPC_HANDLERS_ON_RUN_FAILURE_H_
#define LOSSD_SERVER_RPC_HANDLERS_ON_RUN_FAILURE_H_

namespace lossd::rpc {

// What becomes of a batch that its run's store could not take.
enum class OnRunFailure { kRefuse, kAnswer };

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_HANDLERS_ON_RUN_FAILURE_H_
