#ifndef LOSSD_SERVER_CONFIG_CONFIGURATION_H_
#define LOSSD_SERVER_CONFIG_CONFIGURATION_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/config/assignment.h"
#include "server/config/command_line.h"
#include "server/config/settings.h"

namespace lossd {

// Settings, and where each is from.
struct Configuration {
  Settings settings;
  std::vector<Origin> origins;  // one for each row of the table
};

// The sources of a configuration, of which the file may change while the server runs. A flag beats
// its environment twin, which beats the file.
struct ConfigurationSources {
  std::vector<Assignment> flags;
  std::vector<Assignment> variables;
  std::string file;  // "" for none

  // Reads the file and returns what all say together. An error has a line for each fault, which
  // names where it is. Of what is beaten, a variable is not read, and a file is.
  absl::StatusOr<Configuration> Read() const;
};

// Returns the configuration as a file that --config reads. Each line says where its value is from.
// No setting is a secret: one that needs a secret names the file that has it.
std::string PrintConfiguration(const Configuration& configuration);

// What the program is to do with its configuration.
enum class Command {
  kServe,
  kCheckHealth,  // of the server that another process makes of the same configuration
};

// A configuration to run with, or what to print and to exit with.
struct ConfigurationOutcome {
  Command command = Command::kServe;
  ConfigurationSources sources;
  Configuration configuration;
  std::optional<ProgramExit> exit;
};

// Returns the value of an environment variable; nullopt when it is not set. An empty one counts as
// none.
using Environment = std::function<std::optional<std::string>(absl::string_view name)>;

// Reads a variable of this process.
std::optional<std::string> ProcessEnvironment(absl::string_view name);

// Reads the flags in `arguments`, which come without the program's name, the environment and the
// file that one of them names. --help, --version and --print-config exit with 0; what is wrong
// exits with kUsageExitCode and a line for each fault; beside --healthcheck with 1, as
// grpc_health_probe does.
ConfigurationOutcome Configure(std::vector<std::string> arguments, const Environment& environment);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_CONFIGURATION_H_
