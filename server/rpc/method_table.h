#ifndef LOSSD_SERVER_RPC_METHOD_TABLE_H_
#define LOSSD_SERVER_RPC_METHOD_TABLE_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/wire/message_codec.h"

namespace lossd::rpc {

// Answers one call: takes the request's bytes (and may free them early), gives the response's.
using UnaryMethod =
    std::function<absl::StatusOr<grpc::ByteBuffer>(grpc::ByteBuffer&, const CallContext&)>;

// What answers each call of the service, and each message of a stream; none may be empty. Called
// from several threads at once.
struct MethodTable {
  UnaryMethod compute;
  // An error becomes the message's answer, with its sequence, and the stream goes on.
  UnaryMethod compute_stream;
  UnaryMethod compare;
  UnaryMethod compute_class_weights;
  UnaryMethod measure_information;
  UnaryMethod list_losses;
  UnaryMethod get_server_info;
};

// Wraps `answer`, callable as absl::StatusOr<Response>(const Request&, const CallContext&), in
// parsing and serializing, messages of at most `max_message_bytes` each way.
template <typename Request, typename Answer>
UnaryMethod MakeMethod(int64_t max_message_bytes, Answer answer) {
  return
      [max_message_bytes, answer = std::move(answer)](
          grpc::ByteBuffer& bytes, const CallContext& context) -> absl::StatusOr<grpc::ByteBuffer> {
        Request request;
        absl::Status parsed = ParseMessage(bytes, max_message_bytes, request);
        bytes.Clear();
        if (!parsed.ok()) return parsed;
        const auto response = answer(std::as_const(request), context);
        if (!response.ok()) return response.status();
        return SerializeMessage(*response, max_message_bytes);
      };
}

// The real service. `handlers` must outlive the table.
MethodTable MakeMethodTable(const Handlers& handlers, int64_t max_message_bytes);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_METHOD_TABLE_H_
