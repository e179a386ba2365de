#ifndef LOSSD_SERVER_RPC_CATCH_EXCEPTIONS_H_
#define LOSSD_SERVER_RPC_CATCH_EXCEPTIONS_H_

#include <exception>
#include <type_traits>

#include "absl/status/status.h"

namespace lossd::rpc {

// Returns what `function` does, a Status or StatusOr; an exception is an INTERNAL error with its
// text.
template <typename Function>
std::invoke_result_t<Function> CatchExceptions(const Function& function) {
  try {
    return function();
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  } catch (...) {
    return absl::InternalError("an exception of unknown type");
  }
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_CATCH_EXCEPTIONS_H_
