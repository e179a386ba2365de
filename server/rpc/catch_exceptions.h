#ifndef LOSSD_SERVER_RPC_CATCH_EXCEPTIONS_H_
#define LOSSD_SERVER_RPC_CATCH_EXCEPTIONS_H_

#include <exception>
#include <new>
#include <stdexcept>
#include <type_traits>

#include "absl/status/status.h"
#include "server/rpc/errors/status.h"

namespace lossd::rpc {

// Returns what `function` does, a Status or StatusOr; an exception is an INTERNAL error with its
// text, and one about memory RESOURCE_EXHAUSTED: what the function held is free again by then.
template <typename Function>
std::invoke_result_t<Function> CatchExceptions(const Function& function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::length_error&) {  // A container was to be larger than any memory.
    return OutOfMemory();
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  } catch (...) {
    return absl::InternalError("an exception of unknown type");
  }
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_CATCH_EXCEPTIONS_H_
