#include "server/config/setting_kinds.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/config/byte_size.h"
#include "server/config/duration.h"
#include "server/config/listen_address.h"

namespace lossd {
namespace {

absl::Status IsNot(absl::string_view value, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not ", expected));
}

// Returns "a, b or c".
std::string Alternatives(const std::vector<absl::string_view>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) absl::StrAppend(&text, i + 1 == words.size() ? " or " : ", ");
    absl::StrAppend(&text, words[i]);
  }
  return text;
}

// Returns a URL with *** in place of its user and password, or of all before the last @ where it is
// none.
std::string WithoutPassword(absl::string_view url) {
  const size_t at = url.rfind('@');
  if (at == absl::string_view::npos) return std::string(url);
  for (const absl::string_view scheme : {"redis://", "rediss://"}) {
    if (absl::StartsWith(url, scheme)) return absl::StrCat(scheme, "***", url.substr(at));
  }
  return absl::StrCat("***", url.substr(at));
}

}  // namespace

std::string AddressesKind::Range() const { return "HOST:PORT or unix:PATH"; }

absl::Status AddressesKind::Read(absl::string_view value, Settings& settings) const {
  std::vector<std::string> addresses;
  for (absl::string_view address : absl::StrSplit(value, ',')) {
    address = absl::StripAsciiWhitespace(address);
    absl::Status status = ValidateListenAddress(address);
    if (!status.ok()) return status;
    addresses.emplace_back(address);
  }
  settings.*member = std::move(addresses);
  return absl::OkStatus();
}

std::string AddressesKind::Print(const Settings& settings) const {
  return absl::StrJoin(settings.*member, ",");
}

std::string AddressKind::Range() const { return "none, HOST:PORT or unix:PATH"; }

absl::Status AddressKind::Read(absl::string_view value, Settings& settings) const {
  if (value == "none") {
    (settings.*member).clear();
    return absl::OkStatus();
  }
  absl::Status status = ValidateListenAddress(value);
  if (status.ok()) settings.*member = std::string(value);
  return status;
}

std::string AddressKind::Print(const Settings& settings) const {
  return (settings.*member).empty() ? "none" : settings.*member;
}

std::string FileKind::Range() const { return "none, or a file's name"; }

absl::Status FileKind::Read(absl::string_view value, Settings& settings) const {
  if (value.empty()) return IsNot(value, Range());
  settings.*member = value == "none" ? "" : std::string(value);
  return absl::OkStatus();
}

std::string FileKind::Print(const Settings& settings) const {
  return (settings.*member).empty() ? "none" : settings.*member;
}

std::string RunStoreKind::Range() const { return "none, memory, sqlite:PATH or redis://HOST"; }

absl::Status RunStoreKind::Read(absl::string_view value, Settings& settings) const {
  const bool is_file = absl::StartsWith(value, "sqlite:") && value != "sqlite:";
  if (value != "none" && value != "memory" && !is_file && !absl::StartsWith(value, "redis://")) {
    return IsNot(WithoutPassword(value), Range());
  }
  settings.*member = std::string(value);
  return absl::OkStatus();
}

std::string RunStoreKind::Print(const Settings& settings) const {
  const std::string& value = settings.*member;
  return absl::StartsWith(value, "sqlite:") ? value : WithoutPassword(value);
}

std::string SizeKind::Range() const {
  const std::string sizes = absl::StrCat(PrintByteSize(least), " to ", PrintByteSize(most));
  return zero.empty() ? sizes : absl::StrCat(zero, ", or ", sizes);
}

absl::Status SizeKind::Read(absl::string_view value, Settings& settings) const {
  if (!zero.empty() && value == zero) {
    settings.*member = 0;
    return absl::OkStatus();
  }
  const std::optional<int64_t> bytes = ParseByteSize(value);
  if (!bytes || *bytes < least || *bytes > most) {
    return IsNot(value,
                 absl::StrCat("a size from ", PrintByteSize(least), " to ", PrintByteSize(most),
                              ", in bytes or as 64MiB", zero.empty() ? "" : ", or ", zero));
  }
  settings.*member = *bytes;
  return absl::OkStatus();
}

std::string SizeKind::Print(const Settings& settings) const {
  if (settings.*member == 0 && !zero.empty()) return std::string(zero);
  return PrintByteSize(settings.*member);
}

std::string CountKind::Range() const { return absl::StrCat(least, " to ", most); }

absl::Status CountKind::Read(absl::string_view value, Settings& settings) const {
  int count = 0;
  if (!absl::SimpleAtoi(value, &count) || count < least || count > most) {
    return IsNot(value, absl::StrCat("a whole number from ", Range()));
  }
  settings.*member = count;
  return absl::OkStatus();
}

std::string CountKind::Print(const Settings& settings) const {
  return absl::StrCat(settings.*member);
}

std::string TimeKind::Range() const {
  return absl::StrCat(PrintTime(least), " to ", PrintTime(most));
}

absl::Status TimeKind::Read(absl::string_view value, Settings& settings) const {
  const std::optional<absl::Duration> time = ParseTime(value);
  if (!time || *time < least || *time > most) {
    return IsNot(
        value, absl::StrCat("a time from ", Range(), ", with a unit: 500ms, 30s, 5m, 1h or 1m30s"));
  }
  settings.*member = *time;
  return absl::OkStatus();
}

std::string TimeKind::Print(const Settings& settings) const { return PrintTime(settings.*member); }

std::string SwitchKind::Range() const { return "on or off"; }

absl::Status SwitchKind::Read(absl::string_view value, Settings& settings) const {
  const bool is_on = value == "on" || value == "true";
  if (!is_on && value != "off" && value != "false") return IsNot(value, Range());
  settings.*member = is_on;
  return absl::OkStatus();
}

std::string SwitchKind::Print(const Settings& settings) const {
  return settings.*member ? "on" : "off";
}

template <typename Enum>
std::string ChoiceKind<Enum>::Range() const {
  std::vector<absl::string_view> names;
  for (const Word& word : words) names.push_back(word.name);
  return Alternatives(names);
}

template <typename Enum>
absl::Status ChoiceKind<Enum>::Read(absl::string_view value, Settings& settings) const {
  for (const Word& word : words) {
    if (word.name != value) continue;
    settings.*member = word.value;
    return absl::OkStatus();
  }
  return IsNot(value, Range());
}

template <typename Enum>
std::string ChoiceKind<Enum>::Print(const Settings& settings) const {
  for (const Word& word : words) {
    if (word.value == settings.*member) return std::string(word.name);
  }
  return "";
}

template struct ChoiceKind<LogFormat>;
template struct ChoiceKind<LogLevel>;
template struct ChoiceKind<RunsOnFailure>;
template struct ChoiceKind<RunsSync>;

}  // namespace lossd
