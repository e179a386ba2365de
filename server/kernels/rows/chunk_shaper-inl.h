#ifndef LOSSD_SERVER_KERNELS_ROWS_CHUNK_SHAPER_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_CHUNK_SHAPER_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/row_shape.h"
#include "server/kernels/rows/capped_logits-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/shaped_chunk-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/softcap-inl.h"
#include "server/kernels/simd/sum-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// What seesaw adds to logits of other classes than the true one, in registers.
template <typename V>
class SeesawAddend {
 public:
  using T = typename V::value_type;

  SeesawAddend(const SeesawTerms<T>& terms, const V& scale)
      : p_(static_cast<T>(terms.p)), q_(static_cast<T>(terms.q)), scale_(scale) {}

  // Takes the parts of x_j − x_m, what ln σ_j − max(ln σ_t, least) is less, and l_j − l_t.
  LOSSD_ALWAYS_INLINE V Of(const V& d, const V& c, const V& offset, const V& log_ratio) const {
    const V zero(T(0));
    const V excess = xsimd::fma(d, scale_, V(c - offset));
    return p_ * xsimd::min(log_ratio, zero) + q_ * xsimd::max(excess, zero);
  }

 private:
  V p_;
  V q_;
  V scale_;
};

// What seesaw's terms need of a row that was reduced without them.
template <typename T>
struct SeesawRow {
  // Takes a row by its true class's x_t − x_m.
  SeesawRow(const SeesawTerms<T>& terms, const ShapedLogit<T>& row_max, double log1p_rest,
            double truth_below_max, int64_t truth_class)
      : max(row_max),
        offset(static_cast<T>(log1p_rest + std::max(truth_below_max - log1p_rest, terms.least))),
        log_count(terms.log_counts[truth_class]),
        truth(truth_class) {}

  ShapedLogit<T> max;
  T offset;  // ln σ_j − max(ln σ_t, least) = (x_j − x_m) − this
  T log_count;
  int64_t truth;
};

// Brings the logits of a chunk of classes into shape. The results are the bases and the addends,
// which are valid until the next chunk is.
template <typename T, typename Arch>
class ChunkShaper {
 public:
  using V = Lanes<T, Arch>;

  explicit ChunkShaper(const RowShape<T>& shape)
      : scale_(static_cast<T>(shape.scale)),
        softcap_(shape.softcap == 0 ? 1 : shape.softcap),
        shape_(shape) {}

  // Takes the logits of classes [begin, begin + count) of a row of the true class `truth`. `caps`
  // is where their derivatives go. Seesaw's terms are left out where `seesaw` is null.
  void Shape(const T* z, int64_t begin, int64_t count, int64_t truth, const CapDerivatives<T>& caps,
             const SeesawRow<T>* seesaw) {
    bases_ = z;
    addends_ = shape_.addends == nullptr ? nullptr : shape_.addends + begin;
    if (shape_.softcap != 0) Cap(z, count, caps);
    if (seesaw != nullptr) AddSeesaw(begin, count, *seesaw);
    if (shape_.margins == nullptr) return;
    OwnAddends(count);
    if (truth >= begin && truth < begin + count) {
      own_addends_[truth - begin] -= static_cast<T>(shape_.margins[truth]);
    }
  }

  const T* bases() const { return bases_; }
  const T* addends() const { return addends_; }

 private:
  // Makes the addends ones of this chunk alone.
  void OwnAddends(int64_t count) {
    if (addends_ == nullptr) {
      std::fill(own_addends_, own_addends_ + count, T(0));
    } else if (addends_ != own_addends_) {
      std::copy(addends_, addends_ + count, own_addends_);
    }
    addends_ = own_addends_;
  }

  LOSSD_NOINLINE void AddSeesaw(int64_t begin, int64_t count, const SeesawRow<T>& row) {
    constexpr auto kWidth = static_cast<int64_t>(V::size);
    OwnAddends(count);
    const int64_t own = row.truth - begin;
    const bool has_truth = own >= 0 && own < count;
    const T kept = has_truth ? own_addends_[own] : T(0);
    const SeesawAddend<V> addend(shape_.seesaw, scale_);
    const V max_base(row.max.base);
    const V max_addend(row.max.addend);
    for (int64_t j = 0; j < count; j += kWidth) {
      const V a = V::load_aligned(own_addends_ + j);
      const V d = LoadUpTo(bases_ + j, count - j) - max_base;
      const V logs = LoadUpTo(shape_.seesaw.log_counts + begin + j, count - j);
      V(a + addend.Of(d, V(a - max_addend), V(row.offset), V(logs - V(row.log_count))))
          .store_aligned(own_addends_ + j);
    }
    if (has_truth) own_addends_[own] = kept;
  }

  LOSSD_NOINLINE void Cap(const T* z, int64_t count, const CapDerivatives<T>& caps) {
    constexpr auto kWidth = static_cast<int64_t>(V::size);
    const Softcap<V> softcap = softcap_;  // in registers
    int64_t j = 0;
    for (; j + kWidth <= count; j += kWidth) {
      Keep(softcap.Of(V::load_unaligned(z + j)), j, kWidth, caps);
    }
    if (j < count) {
      alignas(64) T last[V::size] = {};
      std::memcpy(last, static_cast<const void*>(z + j),
                  static_cast<size_t>(count - j) * sizeof(T));
      Keep(softcap.Of(V::load_aligned(last)), j, count - j, caps);
    }
    bases_ = own_bases_;
    addends_ = own_addends_;
  }

  // Writes `count` capped logits from j on. Whole registers are written.
  LOSSD_ALWAYS_INLINE void Keep(const CappedLogit<V>& capped, int64_t j, int64_t count,
                                const CapDerivatives<T>& caps) {
    capped.base.store_aligned(own_bases_ + j);
    V addend = capped.rest * scale_;
    if (addends_ != nullptr) addend += LoadUpTo(addends_ + j, count);
    addend.store_aligned(own_addends_ + j);
    capped.slope.store_unaligned(caps.slopes + j);
    if (caps.tanhs != nullptr) capped.tanh.store_unaligned(caps.tanhs + j);
  }

  static V LoadUpTo(const T* from, int64_t count) {
    if (count >= static_cast<int64_t>(V::size)) return V::load_unaligned(from);
    alignas(64) T lanes[V::size] = {};
    std::memcpy(lanes, static_cast<const void*>(from), static_cast<size_t>(count) * sizeof(T));
    return V::load_aligned(lanes);
  }

  alignas(64) T own_bases_[kChunkClasses];
  alignas(64) T own_addends_[kChunkClasses];
  const V scale_;
  const Softcap<V> softcap_;
  const RowShape<T>& shape_;
  const T* bases_ = nullptr;
  const T* addends_ = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_CHUNK_SHAPER_INL_H_
