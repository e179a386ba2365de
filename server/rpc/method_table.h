#ifndef LOSSD_SERVER_RPC_METHOD_TABLE_H_
#define LOSSD_SERVER_RPC_METHOD_TABLE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/rpc/call.h"
#include "server/rpc/catch_exceptions.h"
#include "server/rpc/handlers/asked_work.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/limits.h"
#include "server/rpc/wire/message_codec.h"
#include "server/runs/patience.h"

namespace lossd::rpc {

// Leaves `make` as a rest of the line, or returns what it makes where `rest` is null.
absl::StatusOr<SentBytes> AnswerLater(Rest* rest, std::string line,
                                      std::function<absl::StatusOr<SentBytes>()> make);

// Wraps `answer`, callable as absl::StatusOr<Response>(const Request&, const CallContext&), in
// parsing and serializing, messages of at most `limits.max_message_bytes` each way.
template <typename Request, typename Answer>
UnaryMethod MakeMethod(const Limits& limits, Answer answer) {
  return [limits, answer = std::move(answer)](ReceivedBytes bytes, const CallContext& context) {
    return CatchExceptions([&]() -> absl::StatusOr<SentBytes> {
      Request request;
      absl::Status parsed = ParseMessage(bytes.pieces(), limits.max_message_bytes, request,
                                         ParsingAdmission(limits, context));
      bytes = ReceivedBytes();
      if (!parsed.ok()) return parsed;
      const auto response = answer(std::as_const(request), context);
      if (!response.ok()) return response.status();
      return SerializeMessage(*response, limits.max_message_bytes);
    });
  };
}

// Wraps `answer` as MakeMethod does, where it waits for others.
template <typename Request, typename Answer>
UnaryMethod MakeWaitingMethod(const Limits& limits, Answer answer) {
  return [limits, answer = std::move(answer)](ReceivedBytes bytes, const CallContext& context) {
    return CatchExceptions([&]() -> absl::StatusOr<SentBytes> {
      const auto request = std::make_shared<Request>();
      absl::Status parsed = ParseMessage(bytes.pieces(), limits.max_message_bytes, *request,
                                         ParsingAdmission(limits, context));
      bytes = ReceivedBytes();
      if (!parsed.ok()) return parsed;
      CallContext later = context;
      later.notes = nullptr;
      later.rest = nullptr;
      return AnswerLater(context.rest, "", [limits, answer, request, later] {
        const runs::Patience patience(later.cancelled);
        return CatchExceptions([&]() -> absl::StatusOr<SentBytes> {
          const auto response = answer(std::as_const(*request), later);
          if (!response.ok()) return response.status();
          return SerializeMessage(*response, limits.max_message_bytes);
        });
      });
    });
  };
}

// Wraps `open`, callable as absl::StatusOr<std::unique_ptr<AnswerSource>>(const Request&, const
// CallContext&), in parsing. What the source makes keeps to the limits by itself.
template <typename Request, typename Open>
AnswersMethod MakeAnswersMethod(const Limits& limits, Open open) {
  return {[limits, open = std::move(open)](ReceivedBytes bytes, const CallContext& context) {
    return CatchExceptions([&]() -> absl::StatusOr<std::unique_ptr<AnswerSource>> {
      Request request;
      absl::Status parsed = ParseMessage(bytes.pieces(), limits.max_message_bytes, request,
                                         ParsingAdmission(limits, context));
      bytes = ReceivedBytes();
      if (!parsed.ok()) return parsed;
      return open(std::as_const(request), context);
    });
  }};
}

// Returns a row for each method of the services: a new rpc is a line here, beside its handler and
// its lines of the .proto file. `handlers` must outlive the table.
std::vector<MethodRow> MakeMethods(const Handlers& handlers, const Limits& limits);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_METHOD_TABLE_H_
