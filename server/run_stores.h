#ifndef LOSSD_SERVER_RUN_STORES_H_
#define LOSSD_SERVER_RUN_STORES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/config/settings.h"
#include "server/process/log.h"
#include "server/runs/run_store.h"

namespace lossd {

// Returns the store that --runs names, null for none. It tells `log`, which must outlive it, what
// goes wrong when nobody calls. Errors: it cannot be opened.
absl::StatusOr<std::shared_ptr<runs::RunStore>> MakeRunStore(const Settings& settings,
                                                             const Log& log);

}  // namespace lossd

#endif  // LOSSD_SERVER_RUN_STORES_H_
