#include "tests/server/rpc/wire/split_agreement.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "google/protobuf/message.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "server/rpc/wire/byte_pieces.h"
#include "server/rpc/wire/split_message.h"

namespace lossd::rpc {
namespace {

using google::protobuf::Message;

// Copies of `bytes` in pieces, each in memory of its own, so that a read past a piece is one past
// the end of a block.
class Pieces {
 public:
  Pieces(absl::string_view bytes, size_t piece_size) {
    for (size_t i = 0; i < bytes.size(); i += piece_size) {
      const absl::string_view piece = bytes.substr(i, piece_size);
      blocks_.emplace_back(piece.begin(), piece.end());
    }
    for (const std::vector<char>& block : blocks_) pieces_.Append({block.data(), block.size()});
  }

  const BytePieces& operator*() const { return pieces_; }

 private:
  std::vector<std::vector<char>> blocks_;
  BytePieces pieces_;
};

// Puts the payload of the tensor in field `number` back into `message`.
void PutBack(const TensorPayloads& payloads, int number, Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByNumber(number);
  Message* tensor = message.GetReflection()->MutableMessage(&message, field);
  const BytePieces& payload = *FindPayload(payloads, number);
  std::string data(payload.size(), '\0');
  payload.CopyTo(0, absl::MakeSpan(data.data(), data.size()));
  tensor->GetReflection()->SetString(tensor, tensor->GetDescriptor()->FindFieldByName("data"),
                                     data);
}

// The message that holds the tensors: the request itself, or the one in a stream's.
Message& HolderOf(Message& message) {
  const auto* request = message.GetDescriptor()->FindFieldByName("request");
  if (request == nullptr) return message;
  return *message.GetReflection()->MutableMessage(&message, request);
}

std::string Disagreement(absl::string_view bytes, size_t piece_size,
                         absl::Span<const SplitField> tensors, const Message& prototype,
                         int* taken_out) {
  const Pieces pieces(bytes, piece_size);
  std::optional<SplitMessage> split = TakeOutTensors(*pieces, tensors, /*smallest_payload=*/0);
  if (!split) return "";  // Protobuf gets all of it.
  if (taken_out != nullptr) *taken_out += static_cast<int>(split->payloads.size());

  const std::string name = prototype.GetTypeName();
  const std::unique_ptr<Message> expected(prototype.New());
  const std::unique_ptr<Message> actual(prototype.New());
  const bool is_message = expected->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (actual->ParseFromString(split->rest) != is_message) {
    return name + (is_message ? ": protobuf reads it, but not what is left of it"
                              : ": protobuf does not read it, but what is left of it");
  }
  if (!is_message) return "";
  for (const TensorPayload& payload : split->payloads) {
    PutBack(split->payloads, payload.tensor_field, HolderOf(*actual));
  }
  // Serialized with its unknown fields; a NaN, which equals nothing, has bytes all the same.
  if (actual->SerializeAsString() != expected->SerializeAsString()) {
    return name + ": expected " + expected->ShortDebugString().substr(0, 500) + ", got " +
           actual->ShortDebugString().substr(0, 500);
  }
  return "";
}

}  // namespace

std::string SplitDisagreement(absl::string_view bytes, size_t piece_size, int* taken_out) {
  piece_size = std::max<size_t>(piece_size, 1);
  for (const std::string& disagreement :
       {Disagreement(bytes, piece_size, kComputeRequestTensors, v1::ComputeRequest(), taken_out),
        Disagreement(bytes, piece_size, kCompareRequestTensors, v1::CompareRequest(), taken_out),
        Disagreement(bytes, piece_size, kComputeStreamRequestTensors, v1::ComputeStreamRequest(),
                     taken_out)}) {
    if (!disagreement.empty()) return disagreement;
  }
  return "";
}

}  // namespace lossd::rpc
