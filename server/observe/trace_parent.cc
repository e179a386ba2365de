#include "server/observe/trace_parent.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace lossd::observe {
namespace {

constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceIdDigits = 32;
constexpr size_t kParentIdDigits = 16;
constexpr size_t kFlagDigits = 2;

bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }
bool IsUpper(char c) { return absl::ascii_isupper(static_cast<unsigned char>(c)); }

// Takes so many digits, in lower case, off the front of `text`. Returns none if there are not so
// many.
absl::string_view TakeDigits(size_t count, absl::string_view& text) {
  const absl::string_view digits = text.substr(0, count);
  if (digits.size() < count) return {};
  for (const char c : digits) {
    if (!IsHexDigit(c) || IsUpper(c)) return {};
  }
  text.remove_prefix(count);
  return digits;
}

bool TakeDash(absl::string_view& text) {
  if (text.empty() || text[0] != '-') return false;
  text.remove_prefix(1);
  return true;
}

bool IsZero(absl::string_view digits) {
  return std::all_of(digits.begin(), digits.end(), [](char c) { return c == '0'; });
}

}  // namespace

std::optional<TraceParent> ParseTraceParent(absl::string_view header) {
  const absl::string_view version = TakeDigits(kVersionDigits, header);
  if (version.empty() || version == "ff" || !TakeDash(header)) return std::nullopt;
  const absl::string_view trace_id = TakeDigits(kTraceIdDigits, header);
  if (trace_id.empty() || IsZero(trace_id) || !TakeDash(header)) return std::nullopt;
  const absl::string_view parent_id = TakeDigits(kParentIdDigits, header);
  if (parent_id.empty() || IsZero(parent_id) || !TakeDash(header)) return std::nullopt;
  if (TakeDigits(kFlagDigits, header).empty()) return std::nullopt;
  // A later version may go on, after another dash.
  if (!header.empty() && (version == "00" || header[0] != '-')) return std::nullopt;
  return TraceParent{std::string(trace_id), std::string(parent_id)};
}

}  // namespace lossd::observe
