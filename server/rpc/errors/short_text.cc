#include "server/rpc/errors/short_text.h"

#include "absl/strings/str_cat.h"

namespace lossd::rpc {
namespace {

constexpr absl::string_view kEllipsis = "...";

bool ContinuesCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string ShortText(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  size_t length = max_bytes - kEllipsis.size();
  while (length > 0 && ContinuesCharacter(text[length])) --length;
  return absl::StrCat(text.substr(0, length), kEllipsis);
}

}  // namespace lossd::rpc
