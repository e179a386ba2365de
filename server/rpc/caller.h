#ifndef LOSSD_SERVER_RPC_CALLER_H_
#define LOSSD_SERVER_RPC_CALLER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace lossd::rpc {

// Who makes a call, as far as a filter has found out. Logs and metrics show the name, and callers
// take turns. Shared by the calls that it makes.
struct Caller {
  Caller(std::string its_name, uint64_t its_number)
      : name(std::move(its_name)), number(its_number) {}

  // The operator's word for it, never a client's.
  const std::string name;
  // No other name has it. From 1 on, in the order in which the names came up.
  const uint64_t number;
  // May see and delete what other callers made.
  std::atomic<bool> is_admin{false};
  // Becomes true when it may make no more calls, nor go on with a stream.
  std::atomic<bool> revoked{false};
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_CALLER_H_
