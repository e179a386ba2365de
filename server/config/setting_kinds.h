#ifndef LOSSD_SERVER_CONFIG_SETTING_KINDS_H_
#define LOSSD_SERVER_CONFIG_SETTING_KINDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/config/settings.h"

namespace lossd {

// The kinds of values that a setting may have. Each knows the member of Settings that it sets, and
//
//   Range()                which values it takes, as in "1 to 1024"
//   Read(value, settings)  sets the member, or says what is wrong and what is expected
//   Print(settings)        returns the member as a text that Read() takes

// One address or more, with commas between them.
struct AddressesKind {
  std::vector<std::string> Settings::*member;

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

// One address, or "none".
struct AddressKind {
  std::string Settings::*member;

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

// The name of a file, or "none". The file is read by who uses it.
struct FileKind {
  std::string Settings::*member;

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

// Where training runs are kept. A password in it is not printed.
struct RunStoreKind {
  std::string Settings::*member;

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

// A size such as 64MiB.
struct SizeKind {
  int64_t Settings::*member;
  int64_t least;
  int64_t most;
  // The word for 0, where that stands for a size that the server works out; "" where it does not.
  absl::string_view zero = "";

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

struct CountKind {
  int Settings::*member;
  int least;
  int most;

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

// A time such as 30s.
struct TimeKind {
  absl::Duration Settings::*member;
  absl::Duration least;
  absl::Duration most;

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

// on or off. YAML's true and false are the same, which programs write that read on and off.
struct SwitchKind {
  bool Settings::*member;

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

// One of some words.
template <typename Enum>
struct ChoiceKind {
  struct Word {
    absl::string_view name;
    Enum value;
  };

  Enum Settings::*member;
  absl::Span<const Word> words;

  std::string Range() const;
  absl::Status Read(absl::string_view value, Settings& settings) const;
  std::string Print(const Settings& settings) const;
};

extern template struct ChoiceKind<LogFormat>;
extern template struct ChoiceKind<LogLevel>;
extern template struct ChoiceKind<RunsOnFailure>;
extern template struct ChoiceKind<RunsSync>;

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_SETTING_KINDS_H_
