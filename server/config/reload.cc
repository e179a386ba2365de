#include "server/config/reload.h"

#include <sys/stat.h>

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lossd {
namespace {

// A pipe that was read at the start has nothing more, or holds up who reads it again.
absl::Status CheckReadableAgain(const std::string& path) {
  struct stat status = {};
  if (path.empty() || stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("'", path, "' is no regular file, which alone can be read again"));
}

}  // namespace

Reload::Reload(ConfigurationSources sources, Settings running, const Log& log)
    : sources_(std::move(sources)), running_(std::move(running)), log_(log) {}

void Reload::Add(Reloadable reloadable) { reloadables_.push_back(std::move(reloadable)); }

void Reload::Run() {
  const absl::Status taken = TakeSettings();
  if (!taken.ok()) {
    for (const absl::string_view fault : absl::StrSplit(taken.message(), '\n')) {
      log_.Write(LogLevel::kError, "the configuration is wrong, no setting changes",
                 {{"error", fault}});
    }
  }
  bool all_reloaded = taken.ok();
  for (const Reloadable& reloadable : reloadables_) {
    const absl::Status status = reloadable.reload(running());
    if (status.ok()) continue;
    all_reloaded = false;
    for (const absl::string_view fault : absl::StrSplit(status.message(), '\n')) {
      log_.Write(LogLevel::kError, absl::StrCat(reloadable.name, " cannot be reloaded and stay"),
                 {{"error", fault}});
    }
  }
  if (all_reloaded) log_.Write(LogLevel::kInfo, "reloaded");
}

absl::Status Reload::TakeSettings() {
  absl::Status status = CheckReadableAgain(sources_.file);
  if (!status.ok()) return status;
  const absl::StatusOr<Configuration> read = sources_.Read();
  if (!read.ok()) return read.status();
  for (size_t i = 0; i < SettingTable().size(); ++i) {
    const Setting& setting = SettingTable()[i];
    const std::string before = setting.Print(running());
    const std::string after = setting.Print(read->settings);
    if (before == after) continue;
    const bool takes_effect = setting.takes_effect == TakesEffect::kAtReload;
    log_.Write(takes_effect ? LogLevel::kInfo : LogLevel::kWarning,
               takes_effect ? "setting changed" : "setting needs a restart to change",
               {{"setting", setting.name},
                {"running", before},
                {"configured", after},
                {"source", Whence(setting, read->origins[i])}});
    if (!takes_effect) continue;
    status = setting.Read(after, running_);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

LogFields SettingsFields(const Settings& settings) {
  LogFields fields;
  for (const Setting& setting : SettingTable()) {
    fields.emplace_back(setting.name, setting.Print(settings));
  }
  return fields;
}

}  // namespace lossd
