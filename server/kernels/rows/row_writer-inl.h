#ifndef LOSSD_SERVER_KERNELS_ROWS_ROW_WRITER_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_ROW_WRITER_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "server/kernels/float_format.h"
#include "server/kernels/simd/fma-inl.h"
#include "server/kernels/simd/half_line-inl.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// A row that waits to be written: out_j = in_j · factor − less_j · scale, but for one of its
// classes, where `in` is 1.
template <typename T>
struct PendingRow {
  const T* in = nullptr;  // [count], and kLanes elements more that may be read
  int64_t count = 0;
  const T* factors = nullptr;  // one for each kChunkClasses classes
  int64_t own_class = -1;      // its value is `own`; -1: none
  T own = 0;
  // With RowTerms::kTwo alone.
  const T* less = nullptr;  // [count]
  T scale = 0;
};

// What rows are written from: `in`, or `less` too.
enum class RowTerms { kOne, kTwo };

// Where RowWriter writes numbers of type T.
template <typename T, typename Arch>
class PlainDestination {
 public:
  using V = Lanes<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);

  explicit PlainDestination(T* out) : out_(out) {}

  // Returns how many elements there are to where a line may begin.
  int64_t BeforeLine() const { return ElementsToLine(out_); }
  // Writes kLanes elements, a line.
  LOSSD_ALWAYS_INLINE void WriteLine(const V* line) {
    for (int64_t k = 0; k < kLanes / kWidth; ++k) StoreStreaming(line[k], out_ + k * kWidth);
    out_ += kLanes;
  }
  // Writes fewer.
  void Write(const T* elements, int64_t count) {
    out_ = std::copy(elements, elements + count, out_);
  }
  PlainDestination From(int64_t element) const { return PlainDestination(out_ + element); }

 private:
  T* out_;
};

// The same for numbers that are narrowed to 16 bits.
template <typename Arch>
class HalfDestination {
 public:
  using V = Lanes<float, Arch>;

  HalfDestination(const HalfMatrix& to, Stores stores)
      : out_(reinterpret_cast<char*>(to.numbers)), format_(to.format), stores_(stores) {}

  int64_t BeforeLine() const {
    const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(out_) %
                                           static_cast<uintptr_t>(HalfLine<Arch>::kBytes));
    return (HalfLine<Arch>::kBytes - past) % HalfLine<Arch>::kBytes / HalfLine<Arch>::kSize;
  }
  LOSSD_ALWAYS_INLINE void WriteLine(const V* line) {
    HalfLine<Arch>::Narrow(format_, line, stores_, out_);
    out_ += HalfLine<Arch>::kBytes;
  }
  void Write(const float* elements, int64_t count) {
    HalfFloatKernel<Arch>::Narrow(format_, elements, count, Stores::kCached, out_);
    out_ += count * HalfLine<Arch>::kSize;
  }
  HalfDestination From(int64_t element) const {
    HalfDestination from = *this;
    from.out_ += element * HalfLine<Arch>::kSize;
    return from;
  }

 private:
  char* out_;
  FloatFormat format_;
  Stores stores_;
};

// Writes rows that follow each other in memory past the caches, a line at a time, between steps of
// its user's other work: while memory takes the lines of one row, the CPU reduces another. A line
// is kLanes elements, whole lines of the cache or halves of them. A line that two rows share waits
// for the second, since a part of a cache line would have to be read first.
template <typename T, typename Arch, int64_t kMaxRows, RowTerms kTerms = RowTerms::kOne,
          typename Destination = PlainDestination<T, Arch>>
class RowWriter {
 public:
  using V = Lanes<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kRegisters = kLanes / kWidth;

  // `out` is where the first row goes, aligned as its type.
  explicit RowWriter(T* out) : RowWriter(Destination(out)) {}
  explicit RowWriter(const Destination& out) : out_(out), before_line_(out.BeforeLine()) {}
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  // Starts a list of rows, after all rows before were written.
  void Begin() {
    size_ = 0;
    next_ = 0;
    position_ = 0;
  }
  void Add(const PendingRow<T>& row) { rows_[size_++] = row; }

  // Returns how many lines can be taken at once; 0 when nothing is left.
  int64_t Ready() {
    while (next_ < size_) {
      const PendingRow<T>& row = rows_[next_];
      if (position_ == row.count) {
        ++next_;
        position_ = 0;
        continue;
      }
      const int64_t chunk = position_ / kChunkClasses;
      const int64_t end = std::min(row.count, (chunk + 1) * kChunkClasses);
      factor_ = row.factors[chunk];
      const int64_t lines = (end - position_) / kLanes;
      if (held_ == 0 && before_line_ == 0 && lines > 0) return lines;
      Hold(row, end);
    }
    return 0;
  }

  // Lines that were ready. The user writes them in order and before it takes others.
  struct Lines {
    const T* in;
    Destination out;
    const T* own_line;  // the line of the class with a value of its own
    const T* factors;   // [2][kLanes], the second those of own_line
    const T* less;
    const T* scales;  // as `factors`

    void Write() {
      const int64_t own = in == own_line ? kLanes : 0;
      V line[static_cast<size_t>(kRegisters)];
      for (int64_t k = 0; k < kRegisters; ++k) {
        const V factor = V::load_aligned(factors + own + k * kWidth);
        const V v = V::load_unaligned(in + k * kWidth);
        if constexpr (kTerms == RowTerms::kTwo) {
          const V scale = V::load_aligned(scales + own + k * kWidth);
          const V other = V::load_unaligned(less + k * kWidth) * scale;
          line[k] = xsimd::fms(v, factor, other);
        } else {
          line[k] = v * factor;
        }
      }
      out.WriteLine(line);
      in += kLanes;
      if constexpr (kTerms == RowTerms::kTwo) less += kLanes;
    }
  };
  Lines Take(int64_t lines) {
    const PendingRow<T>& row = rows_[next_];
    for (int64_t k = 0; k < 2 * kRegisters; ++k) V(factor_).store_aligned(factors_ + k * kWidth);
    Lines taken = {row.in + position_, out_, nullptr, factors_, nullptr, scales_};
    if constexpr (kTerms == RowTerms::kTwo) {
      for (int64_t k = 0; k < 2 * kRegisters; ++k) V(row.scale).store_aligned(scales_ + k * kWidth);
      taken.less = row.less + position_;
    }
    const int64_t own = row.own_class - position_;
    if (own >= 0 && own < lines * kLanes) {
      // 1 times its value: a factor needs no branch and no break between the lines.
      taken.own_line = taken.in + own / kLanes * kLanes;
      factors_[kLanes + own % kLanes] = row.own;
      if constexpr (kTerms == RowTerms::kTwo) scales_[kLanes + own % kLanes] = T(0);
    }
    position_ += lines * kLanes;
    out_ = out_.From(lines * kLanes);
    return taken;
  }

  // Writes all lines that are ready.
  void Drain() {
    for (int64_t count = Ready(); count > 0; count = Ready()) {
      Lines lines = Take(count);
      for (int64_t i = 0; i < count; ++i) lines.Write();
    }
  }

  // Writes everything, a last part of a line too. Nothing may follow.
  void Finish() {
    Drain();
    out_.Write(held_line_, held_);
  }

 private:
  // Moves elements to the line that is held, which is written when it is whole.
  void Hold(const PendingRow<T>& row, int64_t end) {
    const int64_t room = before_line_ > 0 ? before_line_ : kLanes - held_;
    const int64_t count = std::min(room, end - position_);
    const V factor(factor_);
    T* const to = held_line_ + held_;
    if constexpr (kTerms == RowTerms::kTwo) {
      alignas(64) T less[kLanes] = {};
      std::copy(row.less + position_, row.less + position_ + count, less);
      for (int64_t k = 0; k < kRegisters; ++k) {
        const V other = V::load_aligned(less + k * kWidth) * V(row.scale);
        xsimd::fms(V::load_unaligned(row.in + position_ + k * kWidth), factor, other)
            .store_unaligned(to + k * kWidth);
      }
    } else {
      for (int64_t k = 0; k < kRegisters; ++k) {
        (V::load_unaligned(row.in + position_ + k * kWidth) * factor)
            .store_unaligned(to + k * kWidth);
      }
    }
    const int64_t own = row.own_class - position_;
    if (own >= 0 && own < count) to[own] = row.own;
    position_ += count;
    if (before_line_ > 0) {
      out_.Write(to, count);
      before_line_ -= count;
      return;
    }
    held_ += count;
    if (held_ < kLanes) return;
    V line[static_cast<size_t>(kRegisters)];
    for (int64_t k = 0; k < kRegisters; ++k) line[k] = V::load_aligned(held_line_ + k * kWidth);
    out_.WriteLine(line);
    held_ = 0;
  }

  Destination out_;
  int64_t before_line_;  // elements before the first line
  PendingRow<T> rows_[static_cast<size_t>(kMaxRows)];
  int64_t size_ = 0;
  int64_t next_ = 0;      // the row that is being written
  int64_t position_ = 0;  // in it
  int64_t held_ = 0;
  T factor_ = 0;
  alignas(64) T factors_[2 * kLanes];
  alignas(64) T scales_[kTerms == RowTerms::kTwo ? 2 * kLanes : 1];
  alignas(64) T held_line_[2 * kLanes];
};

// The writer of no rows.
struct NoWriter {
  struct Lines {
    void Write() {}
  };
  static int64_t Ready() { return 0; }
  static Lines Take(int64_t) { return {}; }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_ROW_WRITER_INL_H_
