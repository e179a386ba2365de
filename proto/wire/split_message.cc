#include "proto/wire/split_message.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <limits>
#include <utility>

#include "proto/wire/wire_format.h"

namespace lossd::wire {
namespace {

// The rest of a message, which is left for protobuf, is copied once more. That pays when there is
// little of it or when more is taken out.
size_t LargestRest(size_t message_size) {
  constexpr size_t kLittle = size_t{1} << 20;
  return std::max(kLittle, message_size / 2);
}

// One field of a serialized message.
struct WireField {
  int number;
  WireType wire_type;
  size_t begin;        // of its tag
  size_t value_begin;  // length-delimited: of what follows the length
  size_t end;
};

// Reads a serialized message from its first byte to its last. It is stricter than protobuf's
// parser, which has its own way with overlong tags and with lengths beyond an int.
class WireReader {
 public:
  explicit WireReader(const BytePieces& bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }

  // Reads the field at `position`, which must end by `end`, and moves past it.
  std::optional<WireField> ReadField(size_t end) {
    WireField field = {};
    field.begin = position_;
    const auto tag = ReadVarint(kTagBytes, end);
    if (!tag || *tag > std::numeric_limits<uint32_t>::max()) return std::nullopt;
    field.number = static_cast<int>(*tag >> 3);
    field.wire_type = static_cast<WireType>(*tag & 7);
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
      case WireType::kVarint:
        return ReadVarint(kVarintBytes, end).has_value();
      case WireType::kFixed64:
        return Skip(8, end);
      case WireType::kFixed32:
        return Skip(4, end);
      case WireType::kLengthDelimited: {
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

class Splitter {
 public:
  Splitter(const BytePieces& bytes, size_t smallest_payload)
      : bytes_(bytes),
        smallest_payload_(smallest_payload),
        largest_rest_(LargestRest(bytes.size())),
        reader_(bytes) {}

  // Splits the message from here to `end`. A payload in it is found by `key`.
  bool Split(int key, size_t end, absl::Span<const SplitField> fields, std::string& rest) {
    assert(fields.size() <= 64);
    uint64_t seen = 0;  // a bit for each of `fields`
    while (reader_.position() < end) {
      const auto field = reader_.ReadField(end);
      if (!field) return false;
      const SplitField* split = Find(fields, *field);
      if (split == nullptr) {
        if (IsRival(fields, field->number)) return false;
        if (!AppendBytes(field->begin, field->end, rest)) return false;
        continue;
      }
      const uint64_t bit = uint64_t{1} << (split - fields.data());
      if ((seen & bit) != 0 || HasSeenRival(fields, seen, field->number)) return false;
      seen |= bit;
      if (!(split->inside.empty() ? TakeOut(key, *field, rest)
                                  : SplitInside(*field, *split, rest))) {
        return false;
      }
    }
    return true;
  }

  TensorPayloads payloads;

 private:
  static const SplitField* Find(absl::Span<const SplitField> fields, const WireField& field) {
    if (field.wire_type != WireType::kLengthDelimited) return nullptr;
    for (const SplitField& candidate : fields) {
      if (candidate.number == field.number) return &candidate;
    }
    return nullptr;
  }

  static bool HasRival(const SplitField& field, int number) {
    return std::find(field.rivals.begin(), field.rivals.end(), number) != field.rivals.end();
  }

  static bool IsRival(absl::Span<const SplitField> fields, int number) {
    return std::any_of(fields.begin(), fields.end(),
                       [number](const SplitField& field) { return HasRival(field, number); });
  }

  // Returns true if field `number` is of one oneof with one of those that were seen.
  static bool HasSeenRival(absl::Span<const SplitField> fields, uint64_t seen, int number) {
    for (size_t i = 0; i < fields.size(); ++i) {
      if ((seen >> i & 1) != 0 && HasRival(fields[i], number)) return true;
    }
    return false;
  }

  bool TakeOut(int key, const WireField& field, std::string& rest) {
    const size_t size = field.end - field.value_begin;
    if (size < smallest_payload_) return AppendBytes(field.begin, field.end, rest);
    payloads.push_back({key, bytes_.Slice(field.value_begin, size)});
    return true;
  }

  // Writes the field with the length that its message has without what was taken out.
  bool SplitInside(const WireField& field, const SplitField& split, std::string& rest) {
    std::string message;
    reader_.MoveTo(field.value_begin);
    if (!Split(split.key, field.end, split.inside, message)) return false;
    AppendLengthPrefix(field.number, message.size(), rest);
    rest += message;
    return rest.size() <= largest_rest_;
  }

  bool AppendBytes(size_t begin, size_t end, std::string& rest) {
    if (end - begin > largest_rest_) return false;
    const size_t size = rest.size();
    rest.resize(size + end - begin);
    bytes_.CopyTo(begin, absl::MakeSpan(rest.data() + size, end - begin));
    return rest.size() <= largest_rest_;
  }

  const BytePieces& bytes_;
  const size_t smallest_payload_;
  const size_t largest_rest_;
  WireReader reader_;
};

}  // namespace

const BytePieces* FindPayload(const TensorPayloads& payloads, int key) {
  for (const TensorPayload& payload : payloads) {
    if (payload.key == key) return &payload.data;
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

}  // namespace lossd::wire
