#include "server/rpc/wire/split_message.h"

#include <cstdint>
#include <limits>
#include <utility>

namespace lossd::rpc {
namespace {

// What is left for protobuf goes through a buffer; more than this, and the detour is not worth it.
constexpr size_t kLargestRest = size_t{1} << 20;

// Values of the wire format (https://protobuf.dev/programming-guides/encoding).
constexpr uint64_t kVarint = 0;
constexpr uint64_t kFixed64 = 1;
constexpr uint64_t kLengthDelimited = 2;
constexpr uint64_t kFixed32 = 5;

constexpr SplitField kTensorData[] = {{3, {}}};
constexpr SplitField kComputeTensors[] = {
    {2, kTensorData}, {3, kTensorData}, {4, kTensorData}, {5, kTensorData}};
constexpr SplitField kCompareTensors[] = {{1, kTensorData}, {2, kTensorData}, {4, kTensorData}};
constexpr SplitField kStreamTensors[] = {{2, kComputeTensors}};

// One field as it stands in the message.
struct WireField {
  int number;
  uint64_t wire_type;
  size_t begin;        // of its tag
  size_t value_begin;  // length-delimited: of what follows the length
  size_t end;
};

// Reads a serialized message from its first byte to its last, strictly: what protobuf's parser
// would take in a way of its own (overlong tags, lengths beyond an int) is refused here.
class WireReader {
 public:
  explicit WireReader(const BytePieces& bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }

  // The field at `position`, which must end by `end`; the position is after it then.
  std::optional<WireField> ReadField(size_t end) {
    WireField field = {};
    field.begin = position_;
    const auto tag = ReadVarint(kTagBytes, end);
    if (!tag || *tag > std::numeric_limits<uint32_t>::max()) return std::nullopt;
    field.number = static_cast<int>(*tag >> 3);
    field.wire_type = *tag & 7;
    if (field.number == 0) return std::nullopt;
    if (!SkipValue(field, end)) return std::nullopt;
    field.end = position_;
    return field;
  }

  void MoveTo(size_t position) { position_ = position; }

 private:
  static constexpr int kTagBytes = 5;
  static constexpr int kVarintBytes = 10;

  bool SkipValue(WireField& field, size_t end) {
    field.value_begin = position_;
    switch (field.wire_type) {
      case kVarint:
        return ReadVarint(kVarintBytes, end).has_value();
      case kFixed64:
        return Skip(8, end);
      case kFixed32:
        return Skip(4, end);
      case kLengthDelimited: {
        const auto length = ReadVarint(kTagBytes, end);
        field.value_begin = position_;
        return length && *length <= std::numeric_limits<int32_t>::max() && Skip(*length, end);
      }
      default:  // Groups, and what is no wire type.
        return false;
    }
  }

  bool Skip(uint64_t count, size_t end) {
    if (count > end - position_) return false;
    position_ += count;
    return true;
  }

  std::optional<uint64_t> ReadVarint(int most_bytes, size_t end) {
    uint64_t value = 0;
    for (int i = 0; i < most_bytes && position_ < end; ++i) {
      const auto byte = static_cast<uint8_t>(Byte(position_++));
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  // Neighbouring bytes lie in one piece nearly always.
  char Byte(size_t position) {
    if (position - piece_begin_ >= piece_.size()) {
      piece_ = bytes_.PieceAt(position);
      piece_begin_ = position;
    }
    return piece_[position - piece_begin_];
  }

  const BytePieces& bytes_;
  size_t position_ = 0;
  absl::string_view piece_;
  size_t piece_begin_ = 0;
};

void AppendVarint(uint64_t value, std::string& to) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

class Splitter {
 public:
  Splitter(const BytePieces& bytes, size_t smallest_payload)
      : bytes_(bytes), smallest_payload_(smallest_payload), reader_(bytes) {}

  // Splits the message that ends at `end`, which is in field `number` of its own message.
  bool Split(int number, size_t end, absl::Span<const SplitField> fields, std::string& rest) {
    uint64_t seen = 0;
    while (reader_.position() < end) {
      const auto field = reader_.ReadField(end);
      if (!field) return false;
      const SplitField* split = Find(fields, *field);
      if (split == nullptr) {
        if (!AppendBytes(field->begin, field->end, rest)) return false;
        continue;
      }
      const uint64_t bit = uint64_t{1} << (split - fields.data());
      if ((seen & bit) != 0) return false;
      seen |= bit;
      if (!(split->inside.empty() ? TakeOut(number, *field, rest)
                                  : SplitInside(*field, split->inside, rest))) {
        return false;
      }
    }
    return true;
  }

  TensorPayloads payloads;

 private:
  static const SplitField* Find(absl::Span<const SplitField> fields, const WireField& field) {
    if (field.wire_type != kLengthDelimited) return nullptr;
    for (const SplitField& candidate : fields) {
      if (candidate.number == field.number) return &candidate;
    }
    return nullptr;
  }

  bool TakeOut(int number, const WireField& field, std::string& rest) {
    const size_t size = field.end - field.value_begin;
    if (size < smallest_payload_) return AppendBytes(field.begin, field.end, rest);
    payloads.push_back({number, bytes_.Slice(field.value_begin, size)});
    return true;
  }

  // The field again, with the length that its message has without what was taken out.
  bool SplitInside(const WireField& field, absl::Span<const SplitField> inside, std::string& rest) {
    std::string message;
    reader_.MoveTo(field.value_begin);
    if (!Split(field.number, field.end, inside, message)) return false;
    AppendVarint(static_cast<uint64_t>(field.number) << 3 | kLengthDelimited, rest);
    AppendVarint(message.size(), rest);
    rest += message;
    return rest.size() <= kLargestRest;
  }

  bool AppendBytes(size_t begin, size_t end, std::string& rest) {
    if (end - begin > kLargestRest) return false;
    const size_t size = rest.size();
    rest.resize(size + end - begin);
    bytes_.CopyTo(begin, absl::MakeSpan(rest.data() + size, end - begin));
    return rest.size() <= kLargestRest;
  }

  const BytePieces& bytes_;
  const size_t smallest_payload_;
  WireReader reader_;
};

}  // namespace

const absl::Span<const SplitField> kComputeRequestTensors = kComputeTensors;
const absl::Span<const SplitField> kCompareRequestTensors = kCompareTensors;
const absl::Span<const SplitField> kComputeStreamRequestTensors = kStreamTensors;

const BytePieces* FindPayload(const TensorPayloads& payloads, int number) {
  for (const TensorPayload& payload : payloads) {
    if (payload.tensor_field == number) return &payload.data;
  }
  return nullptr;
}

std::optional<SplitMessage> TakeOutTensors(const BytePieces& bytes,
                                           absl::Span<const SplitField> tensors,
                                           size_t smallest_payload) {
  if (bytes.size() < smallest_payload) return std::nullopt;
  Splitter splitter(bytes, smallest_payload);
  SplitMessage split;
  if (!splitter.Split(0, bytes.size(), tensors, split.rest)) return std::nullopt;
  if (splitter.payloads.empty()) return std::nullopt;
  split.payloads = std::move(splitter.payloads);
  return split;
}

}  // namespace lossd::rpc
