#include "server/config/byte_size.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lossd {
namespace {

struct Unit {
  absl::string_view name;
  int64_t bytes;
};

constexpr Unit kUnits[] = {
    {"", 1},
    {"b", 1},
    {"kb", 1'000},
    {"mb", 1'000'000},
    {"gb", 1'000'000'000},
    {"tb", 1'000'000'000'000},
    {"pb", 1'000'000'000'000'000},
    {"kib", int64_t{1} << 10},
    {"mib", int64_t{1} << 20},
    {"gib", int64_t{1} << 30},
    {"tib", int64_t{1} << 40},
    {"pib", int64_t{1} << 50},
};

}  // namespace

std::optional<int64_t> ParseByteSize(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  const auto digits_end = std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit);
  const auto digit_count = static_cast<size_t>(digits_end - text.begin());
  int64_t count = 0;
  if (!absl::SimpleAtoi(text.substr(0, digit_count), &count)) return std::nullopt;

  const absl::string_view name = absl::StripAsciiWhitespace(text.substr(digit_count));
  for (const Unit& unit : kUnits) {
    if (!absl::EqualsIgnoreCase(name, unit.name)) continue;
    int64_t bytes = 0;
    if (__builtin_mul_overflow(count, unit.bytes, &bytes)) return std::nullopt;
    return bytes;
  }
  return std::nullopt;
}

std::string PrintByteSize(int64_t bytes) {
  constexpr absl::string_view kNames[] = {"PiB", "TiB", "GiB", "MiB", "KiB"};
  int64_t unit = int64_t{1} << 50;
  for (const absl::string_view name : kNames) {
    if (bytes != 0 && bytes % unit == 0) return absl::StrCat(bytes / unit, name);
    unit >>= 10;
  }
  return absl::StrCat(bytes);
}

}  // namespace lossd
