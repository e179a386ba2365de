#include "client/src/wire/scattered_bytes.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "client/src/wire/wire_format.h"

namespace lossd::client {
namespace {

// As many bytes or more are copied past the caches: a line that is stored to a cache is read from
// memory first, and of a batch that is this large nearly all are.
constexpr size_t kStreamedBytes = size_t{1} << 20;

void Copy(const uint8_t* from, size_t count, char* to) { std::memcpy(to, from, count); }

#if defined(__SSE2__)

void CopyPastCaches(const uint8_t* from, size_t count, char* to) {
  constexpr size_t kBlock = 64;
  const size_t past_block = reinterpret_cast<uintptr_t>(to) % kBlock;
  const size_t before = std::min(count, (kBlock - past_block) % kBlock);
  Copy(from, before, to);
  size_t done = before;
  for (; done + kBlock <= count; done += kBlock) {
    __m128i block[4];
    std::memcpy(block, from + done, kBlock);
    for (size_t i = 0; i < 4; ++i) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + done) + i, block[i]);
    }
  }
  Copy(from + done, count - done, to + done);
}

// Other threads see the copies that were made so far.
void FinishCopies() { _mm_sfence(); }

#else

void CopyPastCaches(const uint8_t* from, size_t count, char* to) { Copy(from, count, to); }
void FinishCopies() {}

#endif

}  // namespace

ScatteredBytes::ScatteredBytes(absl::Span<const grpc::Slice> slices) : slices_(slices) {
  for (const grpc::Slice& slice : slices) size_ += slice.size();
}

template <typename Use>
void ScatteredBytes::ForEachRun(const Use& use) const {
  size_t left = size_;
  size_t offset = offset_;
  for (size_t i = 0; left > 0; ++i) {
    const size_t run = std::min(left, slices_[i].size() - offset);
    use(slices_[i].begin() + offset, run);
    left -= run;
    offset = 0;
  }
}

void ScatteredBytes::Skip(size_t count) {
  size_ -= count;
  offset_ += count;
  while (!slices_.empty() && offset_ >= slices_.front().size()) {
    offset_ -= slices_.front().size();
    slices_.remove_prefix(1);
  }
}

std::optional<uint64_t> ScatteredBytes::TakeVarint() {
  constexpr size_t kMostBytes = 10;
  uint64_t value = 0;
  for (size_t i = 0; i < kMostBytes && !empty(); ++i) {
    Skip(0);  // to a slice that has bytes
    const uint64_t byte = slices_.front().begin()[offset_];
    Skip(1);
    value |= (byte & 0x7f) << (7 * i);
    if (i + 1 == kMostBytes && byte > 1) {
      return std::nullopt;  // beyond 64 bits
    }
    if (byte < 0x80) {
      return VarintSize(value) == i + 1 ? std::optional<uint64_t>(value) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<ScatteredBytes> ScatteredBytes::Take(uint64_t count) {
  if (count > size_) return std::nullopt;
  ScatteredBytes taken = *this;
  taken.size_ = static_cast<size_t>(count);
  Skip(static_cast<size_t>(count));
  return taken;
}

void ScatteredBytes::CopyTo(char* destination) const {
  const auto copy = size_ < kStreamedBytes ? Copy : CopyPastCaches;
  ForEachRun([&destination, copy](const uint8_t* run, size_t count) {
    copy(run, count, destination);
    destination += count;
  });
  if (size_ >= kStreamedBytes) FinishCopies();
}

void ScatteredBytes::AppendTo(std::string* bytes) const {
  ForEachRun([bytes](const uint8_t* run, size_t count) {
    bytes->append(reinterpret_cast<const char*>(run), count);
  });
}

}  // namespace lossd::client
