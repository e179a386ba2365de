#include "client/src/wire/received_response.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/src/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "proto/wire/tensor_fields.h"

namespace lossd::client {
namespace {

using google::protobuf::Message;
using StreamResponse = v1::ComputeStreamResponse;

absl::Status NotA(const Message& message) {
  return absl::InternalError(absl::StrCat("the server's answer is not a ", message.GetTypeName()));
}

// The tensors of a message that stayed where they were received.
struct ReceivedTensors {
  std::vector<grpc::Slice> slices;  // what the payloads point into
  wire::TensorPayloads payloads;
};

absl::StatusOr<std::vector<grpc::Slice>> SlicesOf(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  if (const grpc::Status status = bytes.Dump(&slices); !status.ok()) return FromGrpcStatus(status);
  return slices;
}

// Parses the message but for its large tensors.
template <typename T>
absl::StatusOr<ReceivedTensors> ParseAroundTensors(const grpc::ByteBuffer& bytes, T& message) {
  absl::StatusOr<std::vector<grpc::Slice>> slices = SlicesOf(bytes);
  if (!slices.ok()) return slices.status();
  wire::BytePieces pieces;
  for (const grpc::Slice& slice : *slices) {
    pieces.Append({reinterpret_cast<const char*>(slice.begin()), slice.size()});
  }
  if (auto split = wire::TakeOutTensors(pieces, wire::TensorFieldsOf<T>())) {
    if (!message.ParseFromString(split->rest)) return NotA(message);
    return ReceivedTensors{*std::move(slices), std::move(split->payloads)};
  }
  if (absl::Status status = ParseResponse(bytes, message); !status.ok()) return status;
  return ReceivedTensors();
}

ReceivedResponse Join(v1::ComputeResponse message, ReceivedTensors tensors) {
  ReceivedResponse response(std::move(message));
  response.payloads = std::move(tensors.payloads);
  response.slices = std::move(tensors.slices);
  return response;
}

}  // namespace

wire::BytePieces ReceivedResponse::DataOf(int number, const v1::Tensor& tensor) const {
  const wire::BytePieces* payload = wire::FindPayload(payloads, number);
  return payload == nullptr ? wire::BytePieces(tensor.data()) : *payload;
}

absl::Status ParseResponse(grpc::ByteBuffer bytes, Message& message) {
  grpc::ProtoBufferReader reader(&bytes);
  const bool parsed = reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
  return parsed ? absl::OkStatus() : NotA(message);
}

absl::StatusOr<ReceivedResponse> ReadComputeResponse(const grpc::ByteBuffer& bytes) {
  v1::ComputeResponse message;
  absl::StatusOr<ReceivedTensors> tensors = ParseAroundTensors(bytes, message);
  if (!tensors.ok()) return tensors.status();
  return Join(std::move(message), *std::move(tensors));
}

absl::StatusOr<ReceivedStreamResponse> ReadStreamResponse(const grpc::ByteBuffer& bytes) {
  StreamResponse message;
  absl::StatusOr<ReceivedTensors> tensors = ParseAroundTensors(bytes, message);
  if (!tensors.ok()) return tensors.status();
  switch (message.result_case()) {
    case StreamResponse::kResponse:
      return ReceivedStreamResponse{
          message.sequence(), Join(std::move(*message.mutable_response()), *std::move(tensors))};
    case StreamResponse::kError:
      return ReceivedStreamResponse{message.sequence(), FromRpcStatus(message.error())};
    case StreamResponse::RESULT_NOT_SET:
      break;
  }
  return ReceivedStreamResponse{
      message.sequence(),
      absl::InternalError("the server's answer has neither a response nor an error")};
}

}  // namespace lossd::client
