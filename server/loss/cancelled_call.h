#ifndef LOSSD_SERVER_LOSS_CANCELLED_CALL_H_
#define LOSSD_SERVER_LOSS_CANCELLED_CALL_H_

#include "absl/status/status.h"

namespace lossd::loss {

// Returns the error of a call that was cancelled before its answer was complete.
inline absl::Status CancelledCall() {
  return absl::CancelledError("the call was cancelled while it was being computed");
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_CANCELLED_CALL_H_
