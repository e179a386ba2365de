#ifndef LOSSD_SERVER_RUNS_REDIS_KEY_SLOT_H_
#define LOSSD_SERVER_RUNS_REDIS_KEY_SLOT_H_

#include "absl/strings/string_view.h"

namespace lossd::runs {

// Returns the slot of a key, as a cluster of Redis spreads keys over its nodes: the CRC-16 of what
// stands between the first { and the next }, or of all, modulo 16384
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
int KeySlot(absl::string_view key);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REDIS_KEY_SLOT_H_
