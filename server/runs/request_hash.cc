#include "server/runs/request_hash.h"

#include <cstddef>

namespace lossd::runs {
namespace {

uint64_t RotateLeft(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

// Returns up to eight bytes as a number, the first the least.
uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    number |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return number;
}

// The state of the hash, with the names of its paper.
struct SipState {
  uint64_t v0;
  uint64_t v1;
  uint64_t v2;
  uint64_t v3;

  void Round() {
    v0 += v1;
    v1 = RotateLeft(v1, 13) ^ v0;
    v0 = RotateLeft(v0, 32);
    v2 += v3;
    v3 = RotateLeft(v3, 16) ^ v2;
    v0 += v3;
    v3 = RotateLeft(v3, 21) ^ v0;
    v2 += v1;
    v1 = RotateLeft(v1, 17) ^ v2;
    v2 = RotateLeft(v2, 32);
  }

  void Compress(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }

  uint64_t Finish() {
    for (int i = 0; i < 4; ++i) Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

constexpr uint64_t kKey0 = 0x0706050403020100;
constexpr uint64_t kKey1 = 0x0f0e0d0c0b0a0908;

}  // namespace

RequestHash HashRequest(absl::string_view request_id) {
  constexpr size_t kWord = 8;
  SipState state = {kKey0 ^ 0x736f6d6570736575, kKey1 ^ 0x646f72616e646f6d ^ 0xee,
                    kKey0 ^ 0x6c7967656e657261, kKey1 ^ 0x7465646279746573};
  const uint64_t length = request_id.size();
  while (request_id.size() >= kWord) {
    state.Compress(LittleEndian(request_id.substr(0, kWord)));
    request_id.remove_prefix(kWord);
  }
  state.Compress(LittleEndian(request_id) | length << 56);
  RequestHash hash;
  state.v2 ^= 0xee;
  hash.low = state.Finish();
  state.v1 ^= 0xdd;
  hash.high = state.Finish();
  return hash;
}

}  // namespace lossd::runs
