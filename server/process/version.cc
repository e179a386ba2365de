#include "server/process/version.h"

namespace lossd {

absl::string_view Version() { return LOSSD_VERSION; }

}  // namespace lossd
