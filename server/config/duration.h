#ifndef LOSSD_SERVER_CONFIG_DURATION_H_
#define LOSSD_SERVER_CONFIG_DURATION_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lossd {

// Reads a time as people write it: a number, which may have a fraction, and ms, s, m or h, once or
// one after the other as in 1m30s; 0 needs no unit. Returns nullopt for anything else, signs, other
// units, parts of a millisecond and times without end among them.
std::optional<absl::Duration> ParseTime(absl::string_view text);

// Returns a time of whole milliseconds as ParseTime() takes it.
std::string PrintTime(absl::Duration time);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_DURATION_H_
