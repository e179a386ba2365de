#ifndef LOSSD_SERVER_PROCESS_VERSION_H_
#define LOSSD_SERVER_PROCESS_VERSION_H_

#include "absl/strings/string_view.h"

namespace lossd {

// Returns the server's version, such as "0.2.0".
absl::string_view Version();

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_VERSION_H_
