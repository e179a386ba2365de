#ifndef LOSSD_CLIENT_SRC_CALL_ANSWERS_H_
#define LOSSD_CLIENT_SRC_CALL_ANSWERS_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/src/call/connection.h"
#include "client/src/wire/message_pieces.h"
#include "grpcpp/support/byte_buffer.h"

namespace lossd::client {

// Takes one answer. Returns whether there may be another one.
using TakeAnswer = std::function<absl::StatusOr<bool>(const grpc::ByteBuffer& answer)>;

// Calls a method with one request and many answers, and hands over each. Returns OK when the last
// one was taken or no other is wanted, an error of `take`, or how the server ended the call.
absl::Status ForEachAnswer(const Connection& connection, const char* method,
                           const MessagePieces& request, absl::Duration deadline,
                           const TakeAnswer& take);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_ANSWERS_H_
