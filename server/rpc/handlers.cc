#include "server/rpc/handlers.h"

#include <cassert>
#include <utility>

namespace lossd::rpc {

Handlers::Handlers(HandlerOptions options) : options_(std::move(options)) {
  assert(options_.executor != nullptr);
}

}  // namespace lossd::rpc
