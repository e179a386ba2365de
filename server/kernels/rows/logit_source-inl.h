#ifndef LOSSD_SERVER_KERNELS_ROWS_LOGIT_SOURCE_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_LOGIT_SOURCE_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/float_format.h"
#include "server/kernels/piece.h"
#include "server/kernels/simd/half_line-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Reads a value that need not be aligned as its type.
template <typename Arch, typename T>
inline T Load(const T* at) {
  T value;
  std::memcpy(&value, static_cast<const void*>(at), sizeof(T));
  return value;
}

// Reads the logits of ClassIdRows, from the first to the last, in one array or in pieces. Numbers
// of 16 bits are made floats in the closest cache.
template <typename T, typename Arch>
class LogitSource {
 public:
  // The most elements that a call of At may ask for.
  static constexpr int64_t kMostElements =
      std::max(kChunkClasses, kMostTileRows* kMaxStridedClasses);

  // Takes rows that have logits as ClassIdRows does.
  template <typename Rows>
  explicit LogitSource(const Rows& rows)
      : logits_(rows.logits),
        format_(rows.format),
        size_(BytesOf<T>(rows.format)),
        offset_(rows.piece_offset) {
    if (logits_ != nullptr || rows.row_count == 0) return;
    piece_ = std::upper_bound(rows.pieces, rows.pieces + rows.piece_count, offset_,
                              [](int64_t o, const Piece& p) { return o < p.begin; }) -
             1;
  }

  // Returns `count` elements of the matrix from the `first` on, which is no smaller than that of
  // the call before, but by GoBack. They need not be aligned as their type, and are valid until the
  // next call.
  const T* At(int64_t first, int64_t count) {
    if (logits_ != nullptr) return logits_ + first;
    const char* const bytes = BytesAt(first, count);
    if constexpr (std::is_same_v<T, float>) {
      if (format_ != FloatFormat::kComputed) {
        HalfFloatKernel<Arch>::Widen(format_, bytes, count, widened_);
        return widened_;
      }
    }
    return static_cast<const T*>(static_cast<const void*>(bytes));
  }

  // Returns true when logits are numbers of 16 bits.
  bool has_halves() const { return logits_ == nullptr && format_ != FloatFormat::kComputed; }

  // Returns the same elements of logits in pieces as they are there.
  const char* BytesAt(int64_t first, int64_t count) {
    const int64_t begin = offset_ + first * size_;
    while (begin >= EndOf(*piece_)) ++piece_;
    if (begin + count * size_ > EndOf(*piece_)) return Copy(begin, count * size_);
    return piece_->data + (begin - piece_->begin);
  }

  // Lets the next call ask for earlier elements, which were asked for before.
  void GoBack(int64_t first) {
    if (logits_ != nullptr) return;
    while (offset_ + first * size_ < piece_->begin) --piece_;
  }

 private:
  static int64_t EndOf(const Piece& piece) { return piece.begin + piece.size; }

  const char* Copy(int64_t begin, int64_t size) {
    char* out = copied_;
    for (const Piece* piece = piece_; size > 0; ++piece) {
      const int64_t count = std::min(size, EndOf(*piece) - begin);
      std::memcpy(out, piece->data + (begin - piece->begin), static_cast<size_t>(count));
      out += count;
      begin += count;
      size -= count;
    }
    return copied_;
  }

  const T* const logits_;
  const FloatFormat format_;
  const int64_t size_;  // of a number, in bytes
  const int64_t offset_;
  const Piece* piece_ = nullptr;
  alignas(64) char copied_[static_cast<size_t>(kMostElements) * sizeof(T)];
  alignas(64) T widened_[std::is_same_v<T, float> ? static_cast<size_t>(kMostElements) : 1];
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_LOGIT_SOURCE_INL_H_
