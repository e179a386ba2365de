#include "server/rpc/stream_method.h"

#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/catch_exceptions.h"
#include "server/rpc/errors/status.h"
#include "server/rpc/handlers/asked_work.h"
#include "server/rpc/wire/message_codec.h"
#include "server/rpc/wire/pieces_stream.h"

namespace lossd::rpc {
namespace {

using ::google::protobuf::internal::WireFormatLite;

constexpr uint32_t kSequenceTag =
    v1::ComputeStreamRequest::kSequenceFieldNumber << 3 | WireFormatLite::WIRETYPE_VARINT;

// Leaves what is to be done before an answer is sent as a rest, or does it where none is taken.
absl::StatusOr<SentBytes> AnswerLater(ComputeAnswer answer, uint64_t sequence,
                                      const CallContext& context, const Limits& limits) {
  const auto left = std::make_shared<ComputeAnswer>(std::move(answer));
  const auto make = [left, sequence, limits]() -> absl::StatusOr<SentBytes> {
    absl::Status done = left->before_sending();
    if (!done.ok()) return done;
    return SerializeStreamAnswer(sequence, std::move(*left), limits.max_message_bytes);
  };
  if (context.rest == nullptr) return make();
  context.rest->line = left->line;
  context.rest->run = [make, sequence]() -> StreamAnswer {
    auto made = CatchExceptions(make);
    if (made.ok()) return {*std::move(made), absl::OkStatus()};
    return {StreamError(sequence, made.status()), made.status()};
  };
  return SentBytes();
}

// Answers one message. Sets `sequence` when the message is one; `bytes` are there still when not.
absl::StatusOr<SentBytes> AnswerMessage(ReceivedBytes& bytes, const CallContext& context,
                                        const Limits& limits, const ComputeFunction& compute,
                                        std::optional<uint64_t>& sequence) {
  v1::ComputeStreamRequest request;
  const auto payloads = ParseAroundTensors(bytes.pieces(), limits.max_message_bytes,
                                           wire::TensorFieldsOf<v1::ComputeStreamRequest>(),
                                           request, ParsingAdmission(limits, context));
  if (!payloads.ok()) return payloads.status();
  sequence = request.sequence();
  if (payloads->empty()) bytes = ReceivedBytes();
  auto answer = compute(request.request(), context, *payloads);
  if (!answer.ok()) return answer.status();
  if (answer->before_sending != nullptr) {
    return AnswerLater(*std::move(answer), *sequence, context, limits);
  }
  return SerializeStreamAnswer(*sequence, *std::move(answer), limits.max_message_bytes);
}

}  // namespace

StreamMethod MakeStreamMethod(const Limits& limits, ComputeFunction compute) {
  StreamMethod method;
  method.answer = [limits, compute = std::move(compute)](
                      ReceivedBytes bytes, const CallContext& context) -> StreamAnswer {
    std::optional<uint64_t> sequence;
    auto answer =
        CatchExceptions([&] { return AnswerMessage(bytes, context, limits, compute, sequence); });
    if (answer.ok()) return {*std::move(answer), absl::OkStatus()};
    if (!sequence) sequence = SequenceOf(bytes.pieces());
    return {StreamError(*sequence, answer.status()), answer.status()};
  };
  method.refuse = [](const ReceivedBytes& bytes, const absl::Status& refused) {
    return StreamError(SequenceOf(bytes.pieces()), refused);
  };
  return method;
}

uint64_t SequenceOf(const wire::BytePieces& request) {
  PiecesStream stream(request);
  google::protobuf::io::CodedInputStream input(&stream);
  input.SetTotalBytesLimit(std::numeric_limits<int>::max());
  uint64_t sequence = 0;
  while (const uint32_t tag = input.ReadTag()) {
    uint64_t value = 0;
    if (tag != kSequenceTag) {
      if (!WireFormatLite::SkipField(&input, tag)) break;
    } else if (input.ReadVarint64(&value)) {
      sequence = value;  // The last one counts, as everywhere in protobuf.
    } else {
      break;
    }
  }
  return sequence;
}

SentBytes StreamError(uint64_t sequence, const absl::Status& error) {
  v1::ComputeStreamResponse answer;
  answer.set_sequence(sequence);
  *answer.mutable_error() = ToRpcStatus(error);
  // Errors are far smaller than any limit on messages.
  return *SerializeMessage(answer, std::numeric_limits<int64_t>::max());
}

}  // namespace lossd::rpc
