#ifndef LOSSD_SERVER_KERNELS_ROWS_CLASS_ID_ROWS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_CLASS_ID_ROWS_INL_H_

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/rows/class_id_lanes-inl.h"
#include "server/kernels/rows/half_passes-inl.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_group-inl.h"
#include "server/kernels/rows/row_lines-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/row_softmax-inl.h"
#include "server/kernels/rows/row_writer-inl.h"
#include "server/kernels/simd/half_line-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// The kernel of kTruth forms for rows with one true class. It reduces rows to their maximum and the
// sum of the other exponentials, computes a few numbers per row from those in double, and turns the
// exponentials into the results. Short rows go class by class with a row in each lane, longer ones
// one after the other; the number of classes alone decides which.
template <typename Form, typename T, typename Arch>
class ClassIdKernel {
 public:
  static void Run(const ClassIdRows<T>& rows, const FormParameters& parameters) {
    if (rows.class_count <= kMaxStridedClasses) {
      ClassIdLanes<Form, T, Arch>::Run(rows, parameters);
    } else if (rows.half_gradient.numbers != nullptr) {
      RunToHalves(rows, parameters);
    } else if (rows.stores == Stores::kStreaming && rows.gradient != nullptr) {
      Writer writer(rows.gradient);
      ClassIdKernel(rows, parameters).RunStreaming(writer);
    } else {
      ClassIdKernel(rows, parameters).RunCached();
    }
  }

 private:
  using Passes = RowPasses<T, Arch>;
  using Softmax = RowSoftmax<T, Arch>;
  using V = Lanes<T, Arch>;
  static constexpr int64_t kMaxGroup = kLanes;
  // The gradients of shorter rows are computed first and then written as one long row.
  static constexpr int64_t kFewestClassesAlone = 512;
  using Group = RowGroup<Form, T, Arch, kMaxGroup>;
  using Writer = RowWriter<T, Arch, kMaxGroup>;

  ClassIdKernel(const ClassIdRows<T>& rows, const FormParameters& parameters)
      : rows_(rows),
        parameters_(parameters),
        source_(rows),
        classes_(rows.class_count),
        joined_(classes_ < kFewestClassesAlone),
        stride_(joined_ ? classes_ : PaddedSize(classes_)),
        // So many rows stay in the caches between the passes over them.
        group_size_(std::clamp<int64_t>(kGroupElements / stride_, 1, kMaxGroup)) {
    SetWorkspace(rows.workspace + ElementsToLine(rows.workspace));
  }

  static void RunToHalves(const ClassIdRows<T>& rows, const FormParameters& parameters) {
    if constexpr (std::is_same_v<T, float>) {
      using Destination = HalfDestination<Arch>;
      RowWriter<T, Arch, kMaxGroup, RowTerms::kOne, Destination> writer(
          Destination(rows.half_gradient, rows.stores));
      ClassIdKernel(rows, parameters).RunStreaming(writer);
    }
  }

  void RunCached() {
    NoWriter no_writer;
    for (int64_t begin = 0; begin < rows_.row_count; begin += group_size_) {
      Group group;
      Reduce(begin, no_writer, group);
      for (int64_t i = 0; rows_.gradient != nullptr && i < size_; ++i) WriteGradient(group, i);
    }
  }

  // Writes the gradient of a group of rows while the next group is reduced.
  template <typename SomeWriter>
  void RunStreaming(SomeWriter& writer) {
    T* const first = exps_;
    T* const second = first + GroupWorkspaceSize(classes_);
    const bool in_turn = classes_ <= kMaxClassesInTurn;
    for (int64_t begin = 0; begin < rows_.row_count; begin += group_size_) {
      Group group;
      Reduce(begin, writer, group);
      writer.Drain();
      writer.Begin();
      Queue(group, writer);
      if (in_turn) {
        SetWorkspace(exps_ == first ? second : first);
      } else {
        writer.Drain();
      }
    }
    writer.Finish();
  }

  void SetWorkspace(T* group) {
    exps_ = group;
    maxima_ = group + GroupWorkspaceSize(classes_) - ChunkNumbersSize(classes_);
  }

  // Returns the exponentials of row i of the group.
  T* ExpsOf(int64_t i) const { return exps_ + i * stride_; }
  // Returns the largest logit of each of its chunks. A row of several chunks is a group by itself.
  T* MaximaOf(int64_t i) const { return maxima_ + i; }
  int64_t ClassIdOf(int64_t i) const { return rows_.class_ids[begin_ + i]; }

  // Computes all but the gradient of the group of rows that begins at `begin`.
  template <typename SomeWriter>
  void Reduce(int64_t begin, SomeWriter& writer, Group& group) {
    begin_ = begin;
    size_ = std::min(group_size_, rows_.row_count - begin);
    for (int64_t i = 0; i < size_; ++i) {
      const int64_t t = ClassIdOf(i);
      T truth = 0;
      const HeldOut<T> held =
          source_.has_halves() ? ReduceHalves(i, writer, truth) : ReduceRow(i, writer, truth);
      const T chunk_max = MaximaOf(i)[t / kChunkClasses];
      row_max_[i] = held.max;
      group.max[i] = static_cast<double>(held.max);
      group.rest[i] = held.rest;
      group.below_max[i] = static_cast<double>(truth) - group.max[i];
      group.exp_truth[i] = static_cast<double>(ExpsOf(i)[t]) * Softmax::Ratio(chunk_max, held.max);
    }
    group.Evaluate(rows_, begin, size_, parameters_);
    for (int64_t i = 0; rows_.hessian != nullptr && i < size_; ++i) WriteHessian(group, i);
    for (int64_t i = 0; rows_.probabilities != nullptr && i < size_; ++i) {
      Scale(i, group.p_max[i], rows_.probabilities + (begin_ + i) * classes_);
    }
  }

  // Writes row i's exponentials, and finds the true class's logit.
  template <typename SomeWriter>
  LOSSD_ALWAYS_INLINE HeldOut<T> ReduceRow(int64_t i, SomeWriter& writer, T& truth) {
    const int64_t t = ClassIdOf(i);
    const auto logits_at = [&](int64_t first, int64_t count) LOSSD_ALWAYS_INLINE {
      const T* const z = source_.At((begin_ + i) * classes_ + first, count);
      if (t >= first && t < first + count) truth = Load<Arch>(z + (t - first));
      return z;
    };
    return Softmax::Reduce(logits_at, classes_, ExpsOf(i), MaximaOf(i), writer);
  }

  // Does the same from numbers of 16 bits.
  template <typename SomeWriter>
  HeldOut<T> ReduceHalves(int64_t i, SomeWriter& writer, T& truth) {
    HeldOut<T> held;
    if constexpr (std::is_same_v<T, float>) {
      const int64_t t = ClassIdOf(i);
      const auto reduce = [&](int64_t first, int64_t count, T* exps) {
        const char* const z = source_.BytesAt((begin_ + i) * classes_ + first, count);
        if (t >= first && t < first + count) {
          HalfFloatKernel<Arch>::Widen(rows_.format, z + (t - first) * HalfLine<Arch>::kSize, 1,
                                       &truth);
        }
        return rows_.format == FloatFormat::kBfloat16
                   ? HalfPasses<FloatFormat::kBfloat16, Arch>::Reduce(z, count, exps, writer)
                   : HalfPasses<FloatFormat::kFloat16, Arch>::Reduce(z, count, exps, writer);
      };
      held = Softmax::ReduceChunks(reduce, classes_, ExpsOf(i), MaximaOf(i));
    }
    return held;
  }

  // Calls f(begin, count, ratio) for each chunk of classes; `ratio` makes its exponentials the
  // row's.
  template <typename F>
  void ForEachChunk(int64_t i, F f) const {
    if (classes_ <= kChunkClasses) {
      f(0, classes_, 1.0);
      return;
    }
    for (int64_t begin = 0; begin < classes_; begin += kChunkClasses) {
      f(begin, std::min(kChunkClasses, classes_ - begin),
        Softmax::Ratio(MaximaOf(i)[begin / kChunkClasses], row_max_[i]));
    }
  }

  void Scale(int64_t i, double factor, T* out) const {
    ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
      Passes::Scale(ExpsOf(i) + begin, count, static_cast<T>(factor * ratio), out + begin);
    });
  }

  static double GradientFactor(const Group& group, int64_t i) {
    return -(group.gradient_scale[i] * group.slope[i]) * group.p_max[i];
  }

  void WriteGradient(const Group& group, int64_t i) const {
    WriteGradientTo(group, i, rows_.gradient + (begin_ + i) * classes_);
  }

  // `out` may be the row's exponentials.
  void WriteGradientTo(const Group& group, int64_t i, T* out) const {
    if (group.gradient_scale[i] == 0) {
      std::fill(out, out + classes_, T(0));
      return;
    }
    Scale(i, GradientFactor(group, i), out);
    out[ClassIdOf(i)] = group.truth_gradient[i];
  }

  template <typename SomeWriter>
  void Queue(const Group& group, SomeWriter& writer) const {
    if (joined_) {
      for (int64_t i = 0; i < size_; ++i) WriteGradientTo(group, i, ExpsOf(i));
      // Factor 1: the rows are written unchanged.
      MaximaOf(0)[0] = MaximaOf(0)[1] = T(1);
      writer.Add({exps_, size_ * classes_, MaximaOf(0)});
      return;
    }
    for (int64_t i = 0; i < size_; ++i) QueueRow(group, i, writer);
  }

  template <typename SomeWriter>
  void QueueRow(const Group& group, int64_t i, SomeWriter& writer) const {
    T* const factors = MaximaOf(i);
    PendingRow<T> row = {ExpsOf(i), classes_, factors};
    if (group.gradient_scale[i] == 0) {
      std::fill(ExpsOf(i), ExpsOf(i) + classes_, T(0));
      std::fill(factors, factors + (classes_ + kChunkClasses - 1) / kChunkClasses, T(1));
    } else {
      ForEachChunk(i, [&](int64_t begin, int64_t, double ratio) {
        factors[begin / kChunkClasses] = static_cast<T>(GradientFactor(group, i) * ratio);
      });
      row.own_class = ClassIdOf(i);
      row.own = group.truth_gradient[i];
      ExpsOf(i)[row.own_class] = T(1);  // as PendingRow demands
    }
    writer.Add(row);
  }

  // Returns the first of row i's most probable classes, as far as its exponentials tell them apart.
  int64_t ArgMax(int64_t i) const {
    int64_t arg_max = -1;
    ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
      if (arg_max >= 0 || ratio != 1) return;
      arg_max = begin + Passes::FirstEqual(ExpsOf(i) + begin, count, T(1));
    });
    return std::max<int64_t>(arg_max, 0);
  }

  void WriteHessian(const Group& group, int64_t i) const {
    T* const out = rows_.hessian + (begin_ + i) * classes_;
    const RowHessian<T, Arch> h = group.HessianOf(rows_, begin_ + i, i);
    if (h.scale == 0) {
      std::fill(out, out + classes_, h.unweighted);
      return;
    }
    const int64_t arg_max = ArgMax(i);
    ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
      const V factor(static_cast<T>(group.p_max[i] * ratio));
      RowLines<T, Arch>::Map(ExpsOf(i) + begin, count, {arg_max - begin, h.largest},
                             {ClassIdOf(i) - begin, h.truth}, rows_.stores, out + begin,
                             [&](const V& e) {
                               return RowHessian<T, Arch>::ForOthers(
                                   e, factor, V(h.pole), V(h.slope), V(h.scale), V(h.floor));
                             });
    });
  }

  const ClassIdRows<T>& rows_;
  const FormParameters& parameters_;
  LogitSource<T, Arch> source_;
  const int64_t classes_;
  const bool joined_;
  const int64_t stride_;  // of exponentials, from row to row of a group
  const int64_t group_size_;

  T* exps_ = nullptr;
  T* maxima_ = nullptr;
  int64_t begin_ = 0;  // the group's rows
  int64_t size_ = 0;
  T row_max_[kMaxGroup];
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_CLASS_ID_ROWS_INL_H_
