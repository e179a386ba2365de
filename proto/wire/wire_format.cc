#include "proto/wire/wire_format.h"

namespace lossd::wire {

void AppendVarint(uint64_t value, std::string& bytes) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>((value & 0x7f) | 0x80));
  bytes.push_back(static_cast<char>(value));
}

void AppendLengthPrefix(int number, size_t length, std::string& bytes) {
  AppendVarint(MakeTag(number, WireType::kLengthDelimited), bytes);
  AppendVarint(length, bytes);
}

}  // namespace lossd::wire
