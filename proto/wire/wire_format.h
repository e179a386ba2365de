#ifndef LOSSD_PROTO_WIRE_WIRE_FORMAT_H_
#define LOSSD_PROTO_WIRE_WIRE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace lossd::wire {

// The part of protobuf's encoding that is written and read by hand, so that large arrays need not
// pass through protobuf. https://protobuf.dev/programming-guides/encoding

// How a field's value follows its tag. The missing two of the eight are groups.
enum class WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kFixed32 = 5,
};

// Returns the tag of a field: the varint in front of its value.
constexpr uint32_t MakeTag(int number, WireType type) {
  return (static_cast<uint32_t>(number) << 3) | static_cast<uint32_t>(type);
}

// Appends the shortest encoding of `value`, seven bits a byte.
void AppendVarint(uint64_t value, std::string& bytes);

// Appends tag and length of a field whose `length` bytes follow.
void AppendLengthPrefix(int number, size_t length, std::string& bytes);

}  // namespace lossd::wire

#endif  // LOSSD_PROTO_WIRE_WIRE_FORMAT_H_
