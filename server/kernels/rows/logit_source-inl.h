#ifndef LOSSD_SERVER_KERNELS_ROWS_LOGIT_SOURCE_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_LOGIT_SOURCE_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/piece.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Reads a value that need not be aligned as its type.
template <typename Arch, typename T>
inline T Load(const T* at) {
  T value;
  std::memcpy(&value, static_cast<const void*>(at), sizeof(T));
  return value;
}

// Reads the logits of ClassIdRows, from the first to the last, in one array or in pieces.
template <typename T, typename Arch>
class LogitSource {
 public:
  // The most elements that a call of At may ask for.
  static constexpr int64_t kMostElements =
      std::max(kChunkClasses, kMostTileRows* kMaxStridedClasses);

  // Takes rows that have logits as ClassIdRows does.
  template <typename Rows>
  explicit LogitSource(const Rows& rows) : logits_(rows.logits), offset_(rows.piece_offset) {
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
    const int64_t begin = offset_ + first * kSize;
    while (begin >= EndOf(*piece_)) ++piece_;
    const char* const bytes = piece_->data + (begin - piece_->begin);
    if (begin + count * kSize > EndOf(*piece_)) return Copy(begin, count * kSize);
    return static_cast<const T*>(static_cast<const void*>(bytes));
  }

  // Lets the next call ask for earlier elements, which were asked for before.
  void GoBack(int64_t first) {
    if (logits_ != nullptr) return;
    while (offset_ + first * kSize < piece_->begin) --piece_;
  }

 private:
  static constexpr auto kSize = static_cast<int64_t>(sizeof(T));

  static int64_t EndOf(const Piece& piece) { return piece.begin + piece.size; }

  const T* Copy(int64_t begin, int64_t size) {
    char* out = reinterpret_cast<char*>(copied_);
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
  const int64_t offset_;
  const Piece* piece_ = nullptr;
  alignas(64) T copied_[kMostElements];
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_LOGIT_SOURCE_INL_H_
