#include "server/rpc/stream_method.h"

#include <limits>
#include <utility>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "server/rpc/errors/status.h"
#include "server/rpc/wire/message_codec.h"

namespace lossd::rpc {
namespace {

using ::google::protobuf::internal::WireFormatLite;

constexpr uint32_t kSequenceTag =
    v1::ComputeStreamRequest::kSequenceFieldNumber << 3 | WireFormatLite::WIRETYPE_VARINT;

}  // namespace

UnaryMethod MakeStreamMethod(int64_t max_message_bytes, ComputeFunction compute) {
  return
      [max_message_bytes, compute = std::move(compute)](
          grpc::ByteBuffer& bytes, const CallContext& context) -> absl::StatusOr<grpc::ByteBuffer> {
        v1::ComputeStreamRequest request;
        const auto tensors = ParseAroundTensors(
            bytes, max_message_bytes, wire::TensorFieldsOf<v1::ComputeStreamRequest>(), request);
        if (!tensors.ok()) return tensors.status();
        auto answer = compute(request.request(), context, tensors->payloads);
        if (!answer.ok()) return answer.status();
        return SerializeStreamAnswer(request.sequence(), *std::move(answer), max_message_bytes);
      };
}

uint64_t SequenceOf(grpc::ByteBuffer& request) {
  grpc::ProtoBufferReader reader(&request);
  if (!reader.status().ok()) return 0;
  google::protobuf::io::CodedInputStream input(&reader);
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

grpc::ByteBuffer StreamError(uint64_t sequence, const absl::Status& error) {
  v1::ComputeStreamResponse answer;
  answer.set_sequence(sequence);
  *answer.mutable_error() = ToRpcStatus(error);
  // Errors are far smaller than any limit on messages.
  return *SerializeMessage(answer, std::numeric_limits<int64_t>::max());
}

}  // namespace lossd::rpc
