#ifndef LOSSD_CLIENT_SRC_CALL_ASK_H_
#define LOSSD_CLIENT_SRC_CALL_ASK_H_

#include <utility>

#include "absl/status/statusor.h"
#include "client/src/call/connection.h"
#include "client/src/wire/message_pieces.h"
#include "client/src/wire/received_response.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/options.h"

namespace lossd::client {

// Calls a method whose response protobuf parses whole. Returns the request's status when there is
// no request.
template <typename Response>
absl::StatusOr<Response> Ask(const Connection& connection, const char* method,
                             const absl::StatusOr<MessagePieces>& request,
                             const CallOptions& call) {
  if (!request.ok()) return request.status();
  absl::StatusOr<grpc::ByteBuffer> bytes = connection.Call(method, *request, call);
  if (!bytes.ok()) return bytes.status();
  Response response;
  if (absl::Status status = ParseResponse(*std::move(bytes), response); !status.ok()) return status;
  return response;
}

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_ASK_H_
