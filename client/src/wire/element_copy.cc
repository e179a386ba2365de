#include "client/src/wire/element_copy.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace lossd::client {
namespace {

// From this size on bytes are copied past the caches. Storing to a cache reads the line from memory
// first, and nearly all lines of a batch that is this large are in memory only.
constexpr size_t kStreamedBytes = size_t{1} << 20;

void Copy(absl::string_view from, char* to) { std::memcpy(to, from.data(), from.size()); }

#if defined(__SSE2__)

void CopyPastCaches(absl::string_view from, char* to) {
  constexpr size_t kBlock = 64;
  const size_t past_block = reinterpret_cast<uintptr_t>(to) % kBlock;
  const size_t before = std::min(from.size(), (kBlock - past_block) % kBlock);
  Copy(from.substr(0, before), to);
  size_t done = before;
  for (; done + kBlock <= from.size(); done += kBlock) {
    __m128i block[4];
    std::memcpy(block, from.data() + done, kBlock);
    for (size_t i = 0; i < 4; ++i) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + done) + i, block[i]);
    }
  }
  Copy(from.substr(done), to + done);
}

// Makes the copies so far visible to other threads.
void FinishCopies() { _mm_sfence(); }

#else

void CopyPastCaches(absl::string_view from, char* to) { Copy(from, to); }
void FinishCopies() {}

#endif

}  // namespace

void CopyElements(const wire::BytePieces& bytes, char* destination) {
  const bool streamed = bytes.size() >= kStreamedBytes;
  for (const wire::BytePieces::Piece& piece : bytes.pieces()) {
    (streamed ? CopyPastCaches : Copy)(piece.bytes, destination + piece.begin);
  }
  if (streamed) FinishCopies();
}

}  // namespace lossd::client
