#include "server/rpc/handlers/run_pages.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace lossd::rpc {
namespace {

constexpr absl::string_view kRunsMark = "runs ";

void RefuseToken(const Field& field) {
  field.Refuse("is none that this request can have, expected next_page_token of the page before");
}

// Returns what stands before the place in a token of these samples.
std::string MarkOf(const v1::ListRunSamplesRequest& request) {
  const std::string class_id = request.has_class_id() ? absl::StrCat(request.class_id()) : "all";
  const int order = std::max<int>(request.order_by(), v1::SAMPLE_ORDER_HARDEST);
  return absl::StrCat("samples ", request.run(), " ", order, " ", class_id, " ");
}

uint64_t BitsOf(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

double DoubleOf(uint64_t bits) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// Reads "KEY ID", a double's bits in hexadecimal digits and an integer.
std::optional<runs::SamplePlace> ReadPlace(absl::string_view text) {
  const size_t blank = text.find(' ');
  if (blank == absl::string_view::npos) return std::nullopt;
  uint64_t bits = 0;
  runs::SamplePlace place;
  const bool is_place = absl::SimpleHexAtoi(text.substr(0, blank), &bits) &&
                        absl::SimpleAtoi(text.substr(blank + 1), &place.id);
  place.key = DoubleOf(bits);
  if (!is_place || !std::isfinite(place.key)) return std::nullopt;
  return place;
}

}  // namespace

int64_t PageSize(int32_t asked, int64_t usual, int64_t most, int64_t bytes_of_entry,
                 int64_t max_message_bytes, const Field& field) {
  if (asked < 0) field.Refuse("= ", asked, ", expected an integer >= 0");
  const int64_t size = std::min(asked == 0 ? usual : int64_t{asked}, most);
  return std::clamp<int64_t>(size, 1, std::max<int64_t>(1, max_message_bytes / bytes_of_entry));
}

std::string RunPageToken(absl::string_view last) {
  return absl::WebSafeBase64Escape(absl::StrCat(kRunsMark, last));
}

std::string DecodeRunPageToken(absl::string_view token, const Field& field) {
  std::string text;
  if (token.empty()) return text;
  absl::string_view name;
  if (absl::WebSafeBase64Unescape(token, &text)) {
    name = text;
    if (absl::ConsumePrefix(&name, kRunsMark)) return std::string(name);
  }
  RefuseToken(field);
  return "";
}

std::string SamplePageToken(const v1::ListRunSamplesRequest& request,
                            const runs::SamplePlace& last) {
  return absl::WebSafeBase64Escape(
      absl::StrCat(MarkOf(request), absl::Hex(BitsOf(last.key)), " ", last.id));
}

std::optional<runs::SamplePlace> DecodeSamplePageToken(const v1::ListRunSamplesRequest& request,
                                                       const Field& field) {
  if (request.page_token().empty()) return std::nullopt;
  std::string text;
  std::optional<runs::SamplePlace> place;
  if (absl::WebSafeBase64Unescape(request.page_token(), &text)) {
    absl::string_view rest = text;
    if (absl::ConsumePrefix(&rest, MarkOf(request))) place = ReadPlace(rest);
  }
  if (!place) RefuseToken(field);
  return place;
}

}  // namespace lossd::rpc
