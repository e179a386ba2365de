#ifndef LOSSD_SERVER_CONFIG_RELOAD_H_
#define LOSSD_SERVER_CONFIG_RELOAD_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/configuration.h"
#include "server/config/settings.h"
#include "server/process/log.h"

namespace lossd {

// Something that is made anew at each reload: from settings that take effect then, or from files
// that settings name, which may have changed while their names have not.
struct Reloadable {
  // For the log, as in "the certificates".
  std::string name;
  // Makes it from the settings that run now. Keeps what there was where it returns an error, of
  // which each line becomes an entry.
  std::function<absl::Status(const Settings&)> reload;
};

// Takes a changed configuration file over while the server runs. Of one thread.
class Reload {
 public:
  // `running` is what `sources` said when the server started. The log outlives this.
  Reload(ConfigurationSources sources, Settings running, const Log& log);

  // Adds one, which is told of the reloads to come, after those that are there.
  void Add(Reloadable reloadable);

  // Reads the file again. Settings that take effect run from here on, and then every reloadable is
  // told; for the others an entry says that a restart is needed, at each reload until then. A file
  // that is wrong changes no setting. Whatever happens is logged.
  void Run();

  // Returns the settings that run.
  const Settings& running() const { return running_; }

 private:
  // Takes over what takes effect. Returns why nothing does instead.
  absl::Status TakeSettings();

  const ConfigurationSources sources_;
  Settings running_;
  std::vector<Reloadable> reloadables_;
  const Log& log_;
};

// Returns `settings` as the fields of an entry, each under its own name.
LogFields SettingsFields(const Settings& settings);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_RELOAD_H_
