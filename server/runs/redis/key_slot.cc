#include "server/runs/redis/key_slot.h"

#include <cstddef>
#include <cstdint>

namespace lossd::runs {
namespace {

// The polynomial x¹⁶ + x¹² + x⁵ + 1, as XMODEM has it.
uint16_t Crc16(absl::string_view bytes) {
  constexpr int kBits = 8;
  constexpr uint32_t kTop = 0x8000;
  constexpr uint32_t kPolynomial = 0x1021;
  uint32_t crc = 0;
  for (const char byte : bytes) {
    crc ^= static_cast<uint32_t>(static_cast<unsigned char>(byte)) << kBits;
    for (int i = 0; i < kBits; ++i) crc = (crc & kTop) != 0 ? crc << 1 ^ kPolynomial : crc << 1;
  }
  return static_cast<uint16_t>(crc);
}

}  // namespace

int KeySlot(absl::string_view key) {
  constexpr int kSlots = 16384;
  const size_t open = key.find('{');
  if (open != absl::string_view::npos) {
    const size_t close = key.find('}', open);
    if (close != absl::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return Crc16(key) % kSlots;
}

}  // namespace lossd::runs
