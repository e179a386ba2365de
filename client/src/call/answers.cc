#include "client/src/call/answers.h"

#include "absl/time/clock.h"
#include "client/src/call/stream_call.h"

namespace lossd::client {

absl::Status ForEachAnswer(const Connection& connection, const char* method,
                           const MessagePieces& request, absl::Duration deadline,
                           const TakeAnswer& take) {
  StreamCall call(connection, method, absl::Now() + deadline, absl::InfiniteDuration());
  if (!call.Write(request) || !call.WritesDone()) return call.Finish();
  for (grpc::ByteBuffer answer; call.Read(answer); answer.Clear()) {
    const absl::StatusOr<bool> more = take(answer);
    if (more.ok() && *more) continue;
    call.Cancel();
    call.Finish().IgnoreError();
    return more.status();
  }
  return call.Finish();
}

}  // namespace lossd::client
