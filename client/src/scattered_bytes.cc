#include "client/src/scattered_bytes.h"

#include <algorithm>
#include <cstring>

#include "client/src/wire_format.h"

namespace lossd::client {

ScatteredBytes::ScatteredBytes(absl::Span<const grpc::Slice> slices) : slices_(slices) {
  for (const grpc::Slice& slice : slices) {
    size_ += slice.size();
  }
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
  if (count > size_) {
    return std::nullopt;
  }
  ScatteredBytes taken = *this;
  taken.size_ = static_cast<size_t>(count);
  Skip(static_cast<size_t>(count));
  return taken;
}

void ScatteredBytes::CopyTo(char* destination) const {
  ForEachRun([&destination](const uint8_t* run, size_t count) {
    std::memcpy(destination, run, count);
    destination += count;
  });
}

void ScatteredBytes::AppendTo(std::string* bytes) const {
  ForEachRun([bytes](const uint8_t* run, size_t count) {
    bytes->append(reinterpret_cast<const char*>(run), count);
  });
}

}  // namespace lossd::client
