#ifndef LOSSD_SERVER_RPC_ERRORS_SHORT_TEXT_H_
#define LOSSD_SERVER_RPC_ERRORS_SHORT_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace lossd::rpc {

// Returns `text`, or its start and "..." when it has more than `max_bytes` (≥ 3) bytes. A character
// of UTF-8 is never cut in two.
std::string ShortText(absl::string_view text, size_t max_bytes);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_SHORT_TEXT_H_
