#include "tests/proto/wire/split_agreement.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "google/protobuf/message.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "proto/wire/byte_pieces.h"
#include "proto/wire/split_message.h"

namespace lossd::wire {
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

Message& FieldOf(Message& message, int number) {
  const auto* field = message.GetDescriptor()->FindFieldByNumber(number);
  return *message.GetReflection()->MutableMessage(&message, field);
}

// Puts the payload of the tensor with this key back into `message`.
void PutBack(const TensorPayloads& payloads, int key, Message& message) {
  const int holder = key >> 16;
  const int number = key & 0xffff;
  Message* tensor = &FieldOf(holder == 0 ? message : FieldOf(message, holder), number);
  const BytePieces& payload = *FindPayload(payloads, key);
  std::string data(payload.size(), '\0');
  payload.CopyTo(0, absl::MakeSpan(data.data(), data.size()));
  tensor->GetReflection()->SetString(tensor, tensor->GetDescriptor()->FindFieldByName("data"),
                                     data);
}

// Returns the message that holds the tensors: `message` itself, or the one in a stream's.
Message& HolderOf(Message& message) {
  for (const char* name : {"request", "response"}) {
    if (const auto* field = message.GetDescriptor()->FindFieldByName(name)) {
      return *message.GetReflection()->MutableMessage(&message, field);
    }
  }
  return message;
}

template <typename T>
std::string Disagreement(absl::string_view bytes, size_t piece_size, int* taken_out) {
  const Pieces pieces(bytes, piece_size);
  std::optional<SplitMessage> split =
      TakeOutTensors(*pieces, TensorFieldsOf<T>(), /*smallest_payload=*/0);
  if (!split) return "";  // Protobuf gets all of it.
  if (taken_out != nullptr) *taken_out += static_cast<int>(split->payloads.size());

  T expected;
  T actual;
  const std::string name = expected.GetTypeName();
  const bool is_message = expected.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (actual.ParseFromString(split->rest) != is_message) {
    return name + (is_message ? ": protobuf reads it, but not what is left of it"
                              : ": protobuf does not read it, but what is left of it");
  }
  if (!is_message) return "";
  for (const TensorPayload& payload : split->payloads) {
    PutBack(split->payloads, payload.key, HolderOf(actual));
  }
  // Serialized with its unknown fields; a NaN, which equals nothing, has bytes all the same.
  if (actual.SerializeAsString() != expected.SerializeAsString()) {
    return name + ": expected " + expected.ShortDebugString().substr(0, 500) + ", got " +
           actual.ShortDebugString().substr(0, 500);
  }
  return "";
}

}  // namespace

std::string SplitDisagreement(absl::string_view bytes, size_t piece_size, int* taken_out) {
  piece_size = std::max<size_t>(piece_size, 1);
  for (const std::string& disagreement :
       {Disagreement<v1::ComputeRequest>(bytes, piece_size, taken_out),
        Disagreement<v1::CompareRequest>(bytes, piece_size, taken_out),
        Disagreement<v1::ComputeStreamRequest>(bytes, piece_size, taken_out),
        Disagreement<v1::ComputeResponse>(bytes, piece_size, taken_out),
        Disagreement<v1::ComputeStreamResponse>(bytes, piece_size, taken_out)}) {
    if (!disagreement.empty()) return disagreement;
  }
  return "";
}

}  // namespace lossd::wire
