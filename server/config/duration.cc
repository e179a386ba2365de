#include "server/config/duration.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace lossd {

std::optional<absl::Duration> ParseTime(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  // Abseil takes signs, "inf", and units down to "ns" as well.
  const bool has_allowed_characters = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.' || c == 'm' || c == 's' ||
           c == 'h';
  });
  absl::Duration time;
  if (!has_allowed_characters || !absl::ParseDuration(text, &time)) return std::nullopt;
  if (time == absl::InfiniteDuration() || time % absl::Milliseconds(1) != absl::ZeroDuration()) {
    return std::nullopt;
  }
  return time;
}

std::string PrintTime(absl::Duration time) {
  return time == absl::ZeroDuration() ? "0s" : absl::FormatDuration(time);
}

}  // namespace lossd
