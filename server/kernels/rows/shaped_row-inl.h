#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROW_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROW_INL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "server/kernels/row_shape.h"
#include "server/kernels/rows/capped_logits-inl.h"
#include "server/kernels/rows/chunk_shaper-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/shaped_chunk-inl.h"
#include "server/kernels/rows/shaped_largest-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/softcap-inl.h"
#include "server/kernels/simd/sum-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// The largest logit of each chunk of a row.
template <typename T>
struct ChunkMaxima {
  ShapedLogit<T> operator[](int64_t i) const { return {bases[i], addends[i]}; }
  void Set(int64_t i, const ShapedLogit<T>& logit) const {
    bases[i] = logit.base;
    addends[i] = logit.addend;
  }

  T* bases = nullptr;
  T* addends = nullptr;
};

// A shaped row's softmax, with its largest logit held out.
template <typename T>
struct ShapedHeldOut {
  ShapedLogit<T> max;
  double rest = 0;
  double logit_sum = 0;   // Σ_j w_j (x_j − x_m)
  double square_sum = 0;  // Σ_{j≠m} e_j²
  double gap_sum = 0;     // Σ_j e_j (1 − e_j)
};

// The true class's shaped logit, and its derivative by z without the scale.
template <typename T>
struct ShapedTruth {
  ShapedLogit<T> logit;
  T slope = 1;
};

// The sums that a row is asked for beside its softmax.
enum class RowSums { kNone, kLogits, kSquares };

// Reduces a whole row of shaped logits, chunk by chunk.
template <typename T, typename Arch>
class ShapedSoftmax {
 public:
  using V = Lanes<T, Arch>;
  using Passes = ShapedPasses<T, Arch>;

  // `chunk_weights` is SumWeights', or null where classes have no weights.
  ShapedSoftmax(const RowShape<T>& shape, int64_t class_count, RowSums sums, const T* chunk_weights)
      : shape_(shape),
        classes_(class_count),
        sums_(sums),
        chunk_weights_(chunk_weights),
        scale_(shape.scale),
        shaper_(shape),
        capped_(Softcap<V>(shape.softcap == 0 ? 1 : shape.softcap), scale_) {}

  // Returns true when logits are capped and no more than multiplied, which takes fewer passes.
  static bool CapsAlone(const RowShape<T>& shape, RowSums sums) {
    return sizeof(T) == sizeof(float) && shape.CapsAlone() && sums == RowSums::kNone;
  }

  // Writes what the classes of each chunk weigh together.
  static void SumWeights(const T* weights, int64_t class_count, T* sums) {
    for (int64_t begin = 0; begin < class_count; begin += kChunkClasses) {
      const int64_t count = std::min(kChunkClasses, class_count - begin);
      *sums++ = static_cast<T>(SumInLanes<Arch>(weights + begin, count));
    }
  }

  // Asks `logits_at(begin, count)` for the logits of each chunk, in order, and once more from the
  // first on where there is seesaw. Writes the exponentials relative to the largest of their chunk
  // to `exps` [class_count], as SignedUnit for kSquares, and these largest to `maxima`. `found`
  // gets the shaped logit of the class `truth`. A row without a largest logit, or with an infinite
  // one, is NaN. Where CapsAlone, and `caps` has no room for slopes, the exponentials are
  // multiplied by them.
  template <typename LogitsAt, typename Writer>
  ShapedHeldOut<T> Reduce(LogitsAt logits_at, int64_t truth, T* exps, const ChunkMaxima<T>& maxima,
                          const CapDerivatives<T>& caps, Writer& writer, ShapedTruth<T>& found) {
    if (shape_.seesaw.log_counts == nullptr) {
      return ReduceOnce(logits_at, truth, exps, maxima, caps, writer, found, nullptr);
    }
    const ShapedHeldOut<T> before =
        ReduceOnce(logits_at, truth, exps, maxima, caps, writer, found, nullptr);
    const SeesawRow<T> seesaw(shape_.seesaw, before.max, std::log1p(before.rest),
                              found.logit.Minus(before.max, shape_.scale), truth);
    return ReduceOnce(logits_at, truth, exps, maxima, caps, writer, found, &seesaw);
  }

  // Returns the factor that makes the chunk's exponentials the row's.
  double Ratio(const ShapedLogit<T>& chunk_max, const ShapedLogit<T>& row_max) const {
    if (chunk_max.base == row_max.base && chunk_max.addend == row_max.addend) return 1;
    return ExpOf(chunk_max.Minus(row_max, shape_.scale));
  }
  // Returns 1 less that, with digits of its own.
  double Gap(const ShapedLogit<T>& chunk_max, const ShapedLogit<T>& row_max) const {
    if (chunk_max.base == row_max.base && chunk_max.addend == row_max.addend) return 0;
    return GapOf(chunk_max.Minus(row_max, shape_.scale));
  }

 private:
  template <typename LogitsAt, typename Writer>
  ShapedHeldOut<T> ReduceOnce(LogitsAt logits_at, int64_t truth, T* exps,
                              const ChunkMaxima<T>& maxima, const CapDerivatives<T>& caps,
                              Writer& writer, ShapedTruth<T>& found, const SeesawRow<T>* seesaw) {
    ShapedHeldOut<T> row;
    double weight_before = 0;
    for (int64_t begin = 0; begin < classes_; begin += kChunkClasses) {
      const int64_t count = std::min(kChunkClasses, classes_ - begin);
      const T* const z = logits_at(begin, count);
      CapDerivatives<T> of_chunk = caps;
      if (caps.slopes != nullptr) of_chunk.slopes += begin;
      if (caps.tanhs != nullptr) of_chunk.tanhs += begin;
      ShapedHeldOut<T> chunk;
      if (CapsAlone(shape_, sums_)) {
        const T* const own =
            truth >= begin && truth < begin + count ? z + (truth - begin) : nullptr;
        chunk = ReduceCapped(z, count, own, exps + begin, of_chunk, writer, found);
      } else {
        shaper_.Shape(z, begin, count, truth, of_chunk, seesaw);
        chunk = ReduceShaped(begin, count, truth, exps + begin, of_chunk, writer, found);
      }
      maxima.Set(begin / kChunkClasses, chunk.max);
      const double weight = chunk_weights_ == nullptr
                                ? static_cast<double>(count)
                                : static_cast<double>(chunk_weights_[begin / kChunkClasses]);
      Merge(chunk, weight, row, weight_before);
    }
    if (row.max.base == -kInfinity<T>) row.rest = std::numeric_limits<double>::quiet_NaN();
    return row;
  }

  // Reduces the chunk that the shaper has.
  template <typename Writer>
  ShapedHeldOut<T> ReduceShaped(int64_t begin, int64_t count, int64_t truth, T* exps,
                                const CapDerivatives<T>& caps, Writer& writer,
                                ShapedTruth<T>& found) {
    const T* const bases = shaper_.bases();
    const T* const addends = shaper_.addends();
    if (truth >= begin && truth < begin + count) {
      const int64_t own = truth - begin;
      found.logit.base = Load<Arch>(bases + own);
      found.logit.addend = addends == nullptr ? T(0) : addends[own];
      found.slope = caps.slopes == nullptr ? T(1) : caps.slopes[own];
    }
    ShapedHeldOut<T> chunk;
    chunk.max = Passes::FindLargest(bases, addends, count, scale_);
    const T* const weights =
        shape_.class_weights == nullptr ? nullptr : shape_.class_weights + begin;
    if (sums_ == RowSums::kLogits) {
      chunk.logit_sum = Passes::SumLogits(bases, addends, weights, count, chunk.max, scale_);
    }
    if (sums_ != RowSums::kSquares) {
      chunk.rest = Passes::Reduce(bases, addends, count, chunk.max, scale_, exps, writer);
      return chunk;
    }
    const typename Passes::UnitTotals sums =
        Passes::ReduceUnits(bases, addends, count, chunk.max, scale_, exps, writer);
    chunk.rest = sums.rest;
    chunk.square_sum = sums.squares;
    chunk.gap_sum = sums.gaps;
    return chunk;
  }

  // Reduces a chunk of logits that are capped alone; `own` is the true class's, or null.
  template <typename Writer>
  ShapedHeldOut<T> ReduceCapped(const T* z, int64_t count, const T* own, T* exps,
                                const CapDerivatives<T>& caps, Writer& writer,
                                ShapedTruth<T>& found) const {
    const T top = RowPasses<T, Arch>::Max(z, count);
    const bool any = top != -kInfinity<T>;
    const ShapedTruth<T> largest = CappedAlone(any ? top : T(0));
    if (own != nullptr) found = CappedAlone(Load<Arch>(own));
    ShapedHeldOut<T> chunk;
    if (any) chunk.max = largest.logit;
    const auto reduce = [&](const auto& logits) {
      return RowPasses<T, Arch>::ReduceExps(logits, count, any, exps, writer);
    };
    if (caps.slopes != nullptr) {
      using Logits = CappedLogits<T, Arch, CapSlopes::kApart, CapRange::kAny>;
      chunk.rest = reduce(Logits(z, largest.logit, capped_, caps));
    } else if (count >= kLanes &&  // else they are padded with −∞
               Passes::LargestSize(z, count) <= capped_.softcap().most_near()) {
      using Logits = CappedLogits<T, Arch, CapSlopes::kMultiply, CapRange::kNear>;
      chunk.rest = reduce(Logits(z, largest.logit, capped_, caps));
    } else {
      using Logits = CappedLogits<T, Arch, CapSlopes::kMultiply, CapRange::kAny>;
      chunk.rest = reduce(Logits(z, largest.logit, capped_, caps));
    }
    return chunk;
  }

  ShapedTruth<T> CappedAlone(T z) const {
    const CappedLogit<V> capped = capped_.softcap().Of(V(z));
    const auto parts = capped_.PartsOf(capped);
    return {{First(parts.base), First(parts.addend)}, First(capped.slope)};
  }

  static double ExpOf(double x) { return First(ExpNonPositive(Lanes<double, Arch>(x))); }

  // Adds a chunk of classes that weigh `weight` to the row of those that weigh `before`.
  void Merge(const ShapedHeldOut<T>& chunk, double weight, ShapedHeldOut<T>& row,
             double& before) const {
    constexpr T kNone = -kInfinity<T>;
    if (row.max.base == kNone || chunk.max.base == kNone) {
      // The sum of logits that are all −∞ is that, or 0 where they weigh nothing.
      const ShapedHeldOut<T> other = row.max.base == kNone ? row : chunk;
      if (row.max.base == kNone) row = chunk;
      row.rest += other.rest;  // 0, or NaN
      row.logit_sum += other.logit_sum;
      before += weight;
      return;
    }
    const double difference = chunk.max.Minus(row.max, shape_.scale);
    if (difference > 0) {
      const ShapedHeldOut<T> earlier = row;
      row = chunk;
      row.logit_sum += earlier.logit_sum - before * difference;
      AddBelow(earlier, ExpOf(-difference), -difference, row);
    } else {
      row.logit_sum += chunk.logit_sum + Weigh(weight, difference);
      AddBelow(chunk, Ratio(chunk.max, row.max), difference, row);
    }
    before += weight;
  }

  // Adds the exponentials of classes whose largest is by `difference` below the row's, and `ratio`
  // its exponential.
  void AddBelow(const ShapedHeldOut<T>& classes, double ratio, double difference,
                ShapedHeldOut<T>& row) const {
    row.rest += (classes.rest + 1) * ratio;
    if (sums_ != RowSums::kSquares) return;
    row.square_sum += (classes.square_sum + 1) * ratio * ratio;
    // 1 − r e = (1 − r) + r (1 − e)
    row.gap_sum += ratio * (ratio * classes.gap_sum + GapOf(difference) * (classes.rest + 1));
  }

  static double GapOf(double x) { return -First(ExpMinusOneNonPositive(Lanes<double, Arch>(x))); }

  static double Weigh(double weight, double x) { return weight == 0 ? 0 : weight * x; }

  const RowShape<T>& shape_;
  const int64_t classes_;
  const RowSums sums_;
  const T* const chunk_weights_;
  const Factor<V> scale_;
  ChunkShaper<T, Arch> shaper_;
  const CappedDifferences<V> capped_;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROW_INL_H_
