#ifndef LOSSD_SERVER_CONFIG_COMMAND_LINE_H_
#define LOSSD_SERVER_CONFIG_COMMAND_LINE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/config/assignment.h"

namespace lossd {

// What to print and to exit with.
struct ProgramExit {
  int code = 0;
  std::string standard_output;
  std::string standard_error;
};

// The exit status for a command line, an environment or a file that cannot be read.
inline constexpr int kUsageExitCode = 2;

// Returns the exit for a configuration with `problems`, one a line.
ProgramExit UsageError(absl::string_view problems);

struct CommandLine {
  // The settings that it has, in the table's order. The values are not read.
  std::vector<Assignment> assignments;
  std::string config_file;  // --config; "" without
  bool print_config = false;
  bool health_check = false;
  // Of --help, --version, and of a command line that is wrong.
  std::optional<ProgramExit> exit;
};

// Reads `arguments`, which come without the program's name. --help and --version exit with 0;
// unknown flags and positional arguments exit with kUsageExitCode and a line that names them.
CommandLine ReadCommandLine(std::vector<std::string> arguments);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_COMMAND_LINE_H_
