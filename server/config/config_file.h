#ifndef LOSSD_SERVER_CONFIG_CONFIG_FILE_H_
#define LOSSD_SERVER_CONFIG_CONFIG_FILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/config/assignment.h"

namespace lossd {

// The configuration file: a YAML mapping of names in the table of settings to values as the flags
// have them.
//
//   listen: [0.0.0.0:50051, unix:/run/lossd.sock]
//   max-message-bytes: 256MiB

// A larger file is refused.
inline constexpr size_t kMaxConfigFileBytes = size_t{64} << 10;

// Returns the bytes of the file, or what the system says instead.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

// Returns the values of a file's `text`, in its order. An error has a line for each fault: no YAML,
// a name that is no setting's or that comes twice, a value that is no text or list. `path` is for
// errors. The values themselves are not read.
absl::StatusOr<std::vector<Assignment>> ParseConfigText(absl::string_view text,
                                                        const std::string& path);

// Returns the line of a file that sets `value`, without its end: `listen: [127.0.0.1:0]`.
std::string ConfigLine(const Setting& setting, absl::string_view value);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_CONFIG_FILE_H_
