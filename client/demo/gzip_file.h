#ifndef LOSSD_CLIENT_DEMO_GZIP_FILE_H_
#define LOSSD_CLIENT_DEMO_GZIP_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace lossd::demo {

// Returns the whole text of a gzip file. Returns NOT_FOUND when it cannot be opened, DATA_LOSS when
// it is no gzip file, is damaged, or ends too early.
absl::StatusOr<std::string> ReadGzipFile(const std::string& path);

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_GZIP_FILE_H_
