#ifndef LOSSD_SERVER_CONFIG_SETTING_TABLE_H_
#define LOSSD_SERVER_CONFIG_SETTING_TABLE_H_

#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/config/setting_kinds.h"
#include "server/config/settings.h"

namespace lossd {

// When another value of a setting takes effect in a server that runs.
enum class TakesEffect {
  kAtReload,   // at the next SIGHUP
  kAtRestart,  // never: the reload says that a restart is needed
};

// A row of the table that the flags, their environment twins, the configuration file, the help and
// the list in server/README.md are made of.
struct Setting {
  using Kind = std::variant<AddressesKind, AddressKind, FileKind, RunStoreKind, SizeKind, CountKind,
                            TimeKind, SwitchKind, ChoiceKind<LogFormat>, ChoiceKind<LogLevel>,
                            ChoiceKind<RunsOnFailure>, ChoiceKind<RunsSync>>;

  // "max-message-bytes": the flag without its dashes, and the key in the file.
  absl::string_view name;
  // "SIZE", for a value, in the help.
  absl::string_view placeholder;
  Kind kind;
  TakesEffect takes_effect;
  // What it does and when to change it, as the page says it, with `code`.
  absl::string_view effect;
  absl::string_view advice;

  // Returns "--max-message-bytes".
  std::string Flag() const;
  // Returns "LOSSD_MAX_MESSAGE_BYTES".
  std::string Variable() const;
  // Returns the values that it takes, as in "1 to 1024".
  std::string Range() const;
  // Returns true if it is a list: a flag that may be repeated, and a list in the file.
  bool IsList() const { return std::holds_alternative<AddressesKind>(kind); }
  bool IsSwitch() const { return std::holds_alternative<SwitchKind>(kind); }

  // Sets what `value` says, or returns what is wrong with it and what is expected. A list has
  // commas between its values.
  absl::Status Read(absl::string_view value, Settings& settings) const;
  // Returns its value as a text that Read() takes.
  std::string Print(const Settings& settings) const;
};

// Returns the rows, in the order in which they are shown.
absl::Span<const Setting> SettingTable();

// Returns the row of that name; null if there is none.
const Setting* FindSetting(absl::string_view name);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_SETTING_TABLE_H_
