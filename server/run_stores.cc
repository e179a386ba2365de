#include "server/run_stores.h"

#include <utility>

#include "server/runs/memory_store.h"

namespace lossd {

absl::StatusOr<std::shared_ptr<runs::RunStore>> MakeRunStore(const Settings& settings) {
  if (settings.runs == "none") return nullptr;
  runs::MemoryStoreOptions options;
  options.max_bytes = settings.runs_max_bytes;
  options.max_age = settings.runs_max_age;
  options.request_ids = settings.runs_request_ids;
  return std::make_shared<runs::MemoryStore>(std::move(options));
}

}  // namespace lossd
