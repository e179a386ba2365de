#ifndef LOSSD_SERVER_RUN_STORES_H_
#define LOSSD_SERVER_RUN_STORES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/config/settings.h"
#include "server/runs/run_store.h"

namespace lossd {

// Returns the store that --runs names, null for none. Errors: it cannot be opened.
absl::StatusOr<std::shared_ptr<runs::RunStore>> MakeRunStore(const Settings& settings);

}  // namespace lossd

#endif  // LOSSD_SERVER_RUN_STORES_H_
