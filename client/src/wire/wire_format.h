#ifndef LOSSD_CLIENT_SRC_WIRE_WIRE_FORMAT_H_
#define LOSSD_CLIENT_SRC_WIRE_WIRE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace lossd::client {

// The little of protobuf's encoding that is written and read by hand, so that large arrays need not
// pass through protobuf. https://protobuf.dev/programming-guides/encoding

// How a field's value follows its tag; the other two of the eight, groups, are read by protobuf.
enum class WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kFixed32 = 5,
};

// The number that stands before a field's value.
constexpr uint32_t MakeTag(int number, WireType type) {
  return (static_cast<uint32_t>(number) << 3) | static_cast<uint32_t>(type);
}

// How many bytes the shortest encoding of `value` takes: seven bits each.
size_t VarintSize(uint64_t value);

void AppendVarint(uint64_t value, std::string* bytes);

// Tag and length of a field whose `length` bytes follow.
void AppendLengthPrefix(int number, size_t length, std::string* bytes);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_WIRE_FORMAT_H_
