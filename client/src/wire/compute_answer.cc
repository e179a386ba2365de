#include "client/src/wire/compute_answer.h"

#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/src/status.h"
#include "client/src/wire/wire_format.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/proto_buffer_reader.h"

namespace lossd::client {
namespace {

using Response = v1::ComputeResponse;
using StreamResponse = v1::ComputeStreamResponse;

bool IsPerSampleArray(int number) {
  return number == Response::kLossesFieldNumber || number == Response::kGradientFieldNumber ||
         number == Response::kHessianDiagonalFieldNumber ||
         number == Response::kProbabilitiesFieldNumber || number == Response::kLogSumExpFieldNumber;
}

// A field of a message. None of what follows is copied.
struct Field {
  uint32_t tag = 0;
  uint64_t varint = 0;   // a varint field's value
  ScatteredBytes bytes;  // any other field's

  int number() const { return static_cast<int>(tag >> 3); }
  WireType type() const { return static_cast<WireType>(tag & 7); }
  bool Is(int field_number, WireType wire_type) const {
    return tag == MakeTag(field_number, wire_type);
  }
};

std::optional<ScatteredBytes> TakeValue(WireType type, ScatteredBytes* message) {
  switch (type) {
    case WireType::kFixed32:
      return message->Take(4);
    case WireType::kFixed64:
      return message->Take(8);
    case WireType::kLengthDelimited: {
      const std::optional<uint64_t> length = message->TakeVarint();
      return length ? message->Take(*length) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

// The next field; none when it is not one of the usual.
std::optional<Field> TakeField(ScatteredBytes* message) {
  const std::optional<uint64_t> tag = message->TakeVarint();
  if (!tag || *tag > std::numeric_limits<uint32_t>::max() || *tag >> 3 == 0) {
    return std::nullopt;
  }
  Field field;
  field.tag = static_cast<uint32_t>(*tag);
  if (field.type() == WireType::kVarint) {
    const std::optional<uint64_t> value = message->TakeVarint();
    if (!value) return std::nullopt;
    field.varint = *value;
    return field;
  }
  const std::optional<ScatteredBytes> bytes = TakeValue(field.type(), message);
  if (!bytes) return std::nullopt;
  field.bytes = *bytes;
  return field;
}

void AppendField(const Field& field, std::string* message) {
  AppendVarint(field.tag, message);
  if (field.type() == WireType::kVarint) {
    AppendVarint(field.varint, message);
    return;
  }
  if (field.type() == WireType::kLengthDelimited) AppendVarint(field.bytes.size(), message);
  field.bytes.AppendTo(message);
}

// Everything of a Tensor but `data`, and `data`. False when it is not one of the usual.
bool SplitTensor(ScatteredBytes tensor, std::string* head, std::optional<ScatteredBytes>* data) {
  while (!tensor.empty()) {
    const std::optional<Field> field = TakeField(&tensor);
    if (!field) return false;
    if (!field->Is(v1::Tensor::kDataFieldNumber, WireType::kLengthDelimited)) {
      AppendField(*field, head);
    } else if (data->has_value()) {
      return false;
    } else {
      *data = field->bytes;
    }
  }
  return true;
}

// Moves a per-sample array to `answer->elements` and to `rest`. False when it is not one of the
// usual.
bool SplitArray(const Field& field, std::string* rest, ComputeAnswer* answer) {
  std::string head;
  std::optional<ScatteredBytes> data;
  if (!SplitTensor(field.bytes, &head, &data)) return false;
  AppendLengthPrefix(field.number(), head.size(), rest);
  *rest += head;
  // Recorded without data too, so that a second one is seen.
  return answer->elements.emplace(field.number(), data.value_or(ScatteredBytes())).second;
}

// False when it is not one of the usual.
bool SplitComputeAnswer(ScatteredBytes message, ComputeAnswer* answer) {
  std::string rest;
  while (!message.empty()) {
    const std::optional<Field> field = TakeField(&message);
    if (!field) return false;
    if (field->type() != WireType::kLengthDelimited || !IsPerSampleArray(field->number())) {
      AppendField(*field, &rest);
    } else if (!SplitArray(*field, &rest, answer)) {
      return false;
    }
  }
  return answer->fields.ParseFromString(rest);
}

// The answer within a stream's message. None when that is not one of the usual; an error is left to
// protobuf too.
std::optional<StreamAnswer> SplitStreamAnswer(std::vector<grpc::Slice> slices) {
  ScatteredBytes message(slices);
  StreamAnswer answer;
  std::optional<ScatteredBytes> response;
  while (!message.empty()) {
    const std::optional<Field> field = TakeField(&message);
    if (!field) return std::nullopt;
    if (field->Is(StreamResponse::kSequenceFieldNumber, WireType::kVarint)) {
      answer.sequence = field->varint;
    } else if (field->Is(StreamResponse::kResponseFieldNumber, WireType::kLengthDelimited) &&
               !response) {
      response = field->bytes;
    } else {
      return std::nullopt;
    }
  }
  ComputeAnswer result;
  if (!response || !SplitComputeAnswer(*response, &result)) return std::nullopt;
  result.slices = std::move(slices);
  answer.result = std::move(result);
  return answer;
}

absl::StatusOr<std::vector<grpc::Slice>> SlicesOf(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  if (const grpc::Status status = bytes.Dump(&slices); !status.ok()) return FromGrpcStatus(status);
  return slices;
}

absl::StatusOr<ComputeAnswer> ResultOf(StreamResponse* message) {
  switch (message->result_case()) {
    case StreamResponse::kResponse:
      return ComputeAnswer(std::move(*message->mutable_response()));
    case StreamResponse::kError:
      return FromRpcStatus(message->error());
    case StreamResponse::RESULT_NOT_SET:
      break;
  }
  return absl::InternalError("the server's answer has neither a response nor an error");
}

}  // namespace

absl::Status ParseAnswer(grpc::ByteBuffer bytes, google::protobuf::Message* message) {
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok() || !message->ParseFromZeroCopyStream(&reader)) {
    return absl::InternalError(
        absl::StrCat("the server's answer is not a ", message->GetTypeName()));
  }
  return absl::OkStatus();
}

absl::StatusOr<ComputeAnswer> ParseComputeAnswer(grpc::ByteBuffer bytes) {
  absl::StatusOr<std::vector<grpc::Slice>> slices = SlicesOf(bytes);
  if (!slices.ok()) return slices.status();
  ComputeAnswer answer;
  answer.slices = *std::move(slices);
  if (SplitComputeAnswer(ScatteredBytes(answer.slices), &answer)) return answer;
  ComputeAnswer whole;
  if (absl::Status status = ParseAnswer(std::move(bytes), &whole.fields); !status.ok()) {
    return status;
  }
  return whole;
}

absl::StatusOr<StreamAnswer> ParseStreamAnswer(grpc::ByteBuffer bytes) {
  absl::StatusOr<std::vector<grpc::Slice>> slices = SlicesOf(bytes);
  if (!slices.ok()) return slices.status();
  if (std::optional<StreamAnswer> answer = SplitStreamAnswer(*std::move(slices))) {
    return *std::move(answer);
  }
  StreamResponse message;
  if (absl::Status status = ParseAnswer(std::move(bytes), &message); !status.ok()) return status;
  return StreamAnswer{message.sequence(), ResultOf(&message)};
}

}  // namespace lossd::client
