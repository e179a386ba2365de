#include "server/rpc/handlers/handlers.h"

#include <cassert>
#include <cstddef>
#include <utility>

namespace lossd::rpc {

Handlers::Handlers(HandlerOptions options) : options_(std::move(options)) {
  assert(options_.executor != nullptr);
  if (options_.pool == nullptr) {
    options_.pool = BufferPool::Create(static_cast<size_t>(options_.max_message_bytes));
  }
}

}  // namespace lossd::rpc
