// What ByteBudget says to messages for which there is no room.
#include "absl/strings/str_cat.h"
#include "server/rpc/errors/status.h"
#include "server/transport/byte_budget.h"

namespace lossd::transport {
namespace {

// About as long as the largest batches take to compute: an earlier call would likely be refused
// again.
constexpr absl::Duration kOverloadRetryDelay = absl::Milliseconds(200);

}  // namespace

absl::Status ByteBudget::Overloaded() const {
  const MutexLock lock(&mutex_);
  return rpc::Unavailable(
      absl::StrCat("the server is overloaded: ", waiting_.size(),
                   " messages wait to be read, because those in flight and their answers take ",
                   small_ + regular_, " of ", options_.max_bytes,
                   " bytes, which --max-in-flight-bytes sets; try again later"),
      "OVERLOADED", kOverloadRetryDelay);
}

absl::Status ByteBudget::OverloadedNow(int64_t bytes, Room room) const {
  if (room == Room::kNotForIts) {
    return rpc::Unavailable(
        absl::StrCat("the server is overloaded: this message and its answer take ", bytes,
                     " bytes, and all of a connection, or of a token, may have half of ",
                     options_.max_bytes,
                     ", which --max-in-flight-bytes sets, while others have some; try again later"),
        "OVERLOADED", kOverloadRetryDelay);
  }
  return rpc::Unavailable(
      absl::StrCat("the server is overloaded: messages in flight and their answers take ",
                   small_ + regular_, " bytes, and this one would take ", bytes,
                   " bytes and bring them over ", options_.max_bytes,
                   " bytes, the limit that --max-in-flight-bytes sets; try again later"),
      "OVERLOADED", kOverloadRetryDelay);
}

}  // namespace lossd::transport
