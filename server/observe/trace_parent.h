#ifndef LOSSD_SERVER_OBSERVE_TRACE_PARENT_H_
#define LOSSD_SERVER_OBSERVE_TRACE_PARENT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace lossd::observe {

// The client's place in a distributed trace, as it sends it in the header `traceparent` (W3C Trace
// Context, level 1).
struct TraceParent {
  std::string trace_id;   // 32 hexadecimal digits in lower case, not all 0
  std::string parent_id;  // 16 of them
};

// Reads a header. Returns nullopt if it is not one as the standard has it, version 00 or one to
// come.
std::optional<TraceParent> ParseTraceParent(absl::string_view header);

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_TRACE_PARENT_H_
