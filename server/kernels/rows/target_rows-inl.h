#ifndef LOSSD_SERVER_KERNELS_ROWS_TARGET_ROWS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TARGET_ROWS_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/row_writer-inl.h"
#include "server/kernels/rows/shaped_chunk-inl.h"
#include "server/kernels/rows/target_form-inl.h"
#include "server/kernels/rows/target_group-inl.h"
#include "server/kernels/rows/target_lanes-inl.h"
#include "server/kernels/rows/target_lanes_terms-inl.h"
#include "server/kernels/rows/target_passes-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/sum-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/target_rows.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// The kernel of kTruth forms for rows with a target per class. Rows are reduced as ClassIdKernel
// does, with sums of their targets; the gradient is their exponentials times a factor, less their
// targets, or less a form's terms, times another. It is compiled once for all forms.
template <typename T, typename Arch>
class TargetRowsKernel {
 public:
  static void Run(const TargetRows<T>& rows, const TargetForm<T>& form,
                  const FormParameters& parameters) {
    if (rows.class_count <= kMaxStridedClasses) {
      TargetLanes<T, Arch>(rows, form, parameters).Run();
    } else if (rows.stores == Stores::kStreaming && rows.gradient != nullptr) {
      TargetRowsKernel(rows, form, parameters).RunStreaming();
    } else {
      TargetRowsKernel(rows, form, parameters).RunCached();
    }
  }

 private:
  using Passes = TargetPasses<T, Arch>;
  using V = Lanes<T, Arch>;
  static constexpr int64_t kMaxGroup = kLanes;
  // The gradients of shorter rows are computed first and then written as one long row.
  static constexpr int64_t kFewestClassesAlone = 512;
  using Group = TargetGroup<T, Arch, kMaxGroup>;
  using Writer = RowWriter<T, Arch, kMaxGroup, RowTerms::kTwo>;

  TargetRowsKernel(const TargetRows<T>& rows, const TargetForm<T>& form,
                   const FormParameters& parameters)
      : source_(rows),
        rows_(rows),
        form_(form),
        parameters_(parameters),
        scale_(rows.scale),
        classes_(rows.class_count),
        joined_(classes_ < kFewestClassesAlone),
        stride_(joined_ ? classes_ : PaddedSize(classes_)),
        group_size_(std::clamp<int64_t>(kGroupElements / stride_, 1, kMaxGroup)) {
    T* at = rows.workspace + ElementsToLine(rows.workspace);
    const auto take = [&] {
      T* const taken = at;
      at += GroupWorkspaceSize(classes_);
      return taken;
    };
    made_ = take();
    first_ = {take(), take()};
    if (classes_ <= kMaxClassesInTurn) second_ = {take(), take()};
    SetWorkspace(first_);
  }

  // The memory of a group of rows.
  struct GroupMemory {
    T* exps = nullptr;
    T* terms = nullptr;  // targets that were made, or what a form makes of the classes
  };

  void RunCached() {
    Writer no_writer(nullptr);
    for (int64_t begin = 0; begin < rows_.row_count; begin += group_size_) {
      Group group;
      Compute(begin, no_writer, group);
      for (int64_t i = 0; rows_.gradient != nullptr && i < size_; ++i) {
        WriteGradientTo(group, i, rows_.gradient + (begin_ + i) * classes_);
      }
    }
  }

  // Writes the gradient of a group of rows while the next group is reduced.
  void RunStreaming() {
    Writer writer(rows_.gradient);
    for (int64_t begin = 0; begin < rows_.row_count; begin += group_size_) {
      Group group;
      Compute(begin, writer, group);
      writer.Drain();
      writer.Begin();
      Queue(group, writer);
      if (second_.exps != nullptr) {
        SetWorkspace(exps_ == first_.exps ? second_ : first_);
      } else {
        writer.Drain();
      }
    }
    writer.Finish();
  }

  void SetWorkspace(const GroupMemory& memory) {
    exps_ = memory.exps;
    terms_ = memory.terms;
    maxima_ = exps_ + GroupWorkspaceSize(classes_) - ChunkNumbersSize(classes_);
  }

  bool MakesTargets() const { return rows_.smoothing != 0 || rows_.class_weights != nullptr; }

  T* ExpsOf(int64_t i) const { return exps_ + i * stride_; }
  T* TermsOf(int64_t i) const { return terms_ + i * stride_; }
  // Returns the largest logit of each of its chunks. A row of several chunks is a group by itself.
  T* MaximaOf(int64_t i) const { return maxima_ + i; }
  const T* GivenTargetsOf(int64_t i) const { return rows_.targets + (begin_ + i) * classes_; }
  // Returns where targets that were made lie. They are what is written for cross entropy.
  T* MadeTargetsOf(int64_t i) const {
    return form_.is_cross_entropy() ? TermsOf(i) : made_ + i * stride_;
  }
  const T* TargetsOf(int64_t i) const {
    return MakesTargets() ? MadeTargetsOf(i) : GivenTargetsOf(i);
  }
  // Returns what is taken away from the exponentials.
  const T* LessOf(int64_t i) const { return form_.is_cross_entropy() ? TargetsOf(i) : TermsOf(i); }

  // Returns true when nothing of row i is read.
  bool IsSkipped(int64_t i) const {
    return rows_.loss_scale[begin_ + i] == 0 && rows_.gradient_scale[begin_ + i] == 0;
  }

  // Computes all but the gradient of the group of rows that begins at `begin`.
  void Compute(int64_t begin, Writer& writer, Group& group) {
    begin_ = begin;
    size_ = std::min(group_size_, rows_.row_count - begin);
    for (int64_t i = 0; i < size_; ++i) {
      rows_.left[begin + i] = IsSkipped(i) ? 1 : 0;
      ReduceRow(i, writer, group);
    }
    group.FindLogs(size_);
    for (int64_t i = 0; !form_.is_cross_entropy() && i < size_; ++i) AddTerms(i, group);
    group.Combine(rows_, form_, parameters_, begin, size_);
    for (int64_t i = 0; rows_.probabilities != nullptr && i < size_; ++i) {
      T* const out = rows_.probabilities + (begin_ + i) * classes_;
      ForEachChunk(i, [&](int64_t first, int64_t count, double ratio) {
        RowPasses<T, Arch>::Scale(ExpsOf(i) + first, count, static_cast<T>(group.p_max[i] * ratio),
                                  out + first);
      });
    }
  }

  void ReduceRow(int64_t i, Writer& writer, Group& group);

  // Makes row i's weighted targets where they are not given, and returns their entropy where it is
  // wanted.
  double MakeTargets(int64_t i);

  TargetHeldOut<T> ReduceChunk(int64_t i, int64_t begin, int64_t count, Writer& writer);

  // Returns how far a is above b, as exponents.
  double Difference(T a, T b) const {
    return (static_cast<double>(a) - static_cast<double>(b)) * rows_.scale;
  }

  // Returns what makes the chunk's exponentials the row's.
  double Ratio(T chunk_max, T row_max) const {
    if (chunk_max == row_max) return 1;
    return First(ExpNonPositive(Lanes<double, Arch>(Difference(chunk_max, row_max))));
  }

  // Adds a chunk of the classes from `begin` on to the row.
  void Merge(const TargetHeldOut<T>& chunk, int64_t begin, TargetHeldOut<T>& row) const;

  // Finds the sums of a form's terms of row i, and makes of its exponents what is written.
  void AddTerms(int64_t i, Group& group);

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
        Ratio(MaximaOf(i)[begin / kChunkClasses], held_[i].max));
    }
  }

  // Returns true when the gradient of row i is 0, or is left.
  bool IsZero(const Group& group, int64_t i) const {
    return group.scale[i] == 0 || rows_.left[begin_ + i] != 0;
  }

  // `out` may be the row's exponentials.
  void WriteGradientTo(const Group& group, int64_t i, T* out) const {
    if (IsZero(group, i)) {
      std::fill(out, out + classes_, T(0));
      return;
    }
    const T* const less = LessOf(i);
    ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
      Passes::WriteGradient(ExpsOf(i) + begin, less + begin, count,
                            static_cast<T>(group.factor[i] * ratio), static_cast<T>(group.scale[i]),
                            out + begin);
    });
    if (held_[i].largest >= 0) out[held_[i].largest] = static_cast<T>(group.largest_gradient[i]);
  }

  void Queue(const Group& group, Writer& writer) const {
    if (joined_) {
      for (int64_t i = 0; i < size_; ++i) WriteGradientTo(group, i, ExpsOf(i));
      // Factor 1: the rows are written unchanged.
      MaximaOf(0)[0] = MaximaOf(0)[1] = T(1);
      PendingRow<T> all = {exps_, size_ * classes_, MaximaOf(0)};
      all.less = exps_;
      writer.Add(all);
      return;
    }
    for (int64_t i = 0; i < size_; ++i) QueueRow(group, i, writer);
  }

  void QueueRow(const Group& group, int64_t i, Writer& writer) const {
    T* const factors = MaximaOf(i);
    PendingRow<T> row = {ExpsOf(i), classes_, factors};
    if (IsZero(group, i)) {
      std::fill(ExpsOf(i), ExpsOf(i) + classes_, T(0));
      std::fill(factors, factors + (classes_ + kChunkClasses - 1) / kChunkClasses, T(1));
      row.less = ExpsOf(i);
      writer.Add(row);
      return;
    }
    ForEachChunk(i, [&](int64_t begin, int64_t, double ratio) {
      factors[begin / kChunkClasses] = static_cast<T>(group.factor[i] * ratio);
    });
    row.less = LessOf(i);
    row.scale = static_cast<T>(group.scale[i]);
    if (held_[i].largest >= 0) {
      row.own_class = held_[i].largest;
      row.own = static_cast<T>(group.largest_gradient[i]);
      ExpsOf(i)[row.own_class] = T(1);  // as PendingRow demands
    }
    writer.Add(row);
  }

  // A row's largest logit, and its class.
  struct Largest {
    T max;
    int64_t largest;  // as TargetHeldOut
  };

  LogitSource<T, Arch> source_;
  const TargetRows<T>& rows_;
  const TargetForm<T>& form_;
  const FormParameters& parameters_;
  const Factor<V> scale_;
  const int64_t classes_;
  const bool joined_;
  const int64_t stride_;  // of exponentials, from row to row of a group
  const int64_t group_size_;

  T* made_ = nullptr;
  GroupMemory first_;
  GroupMemory second_;  // null: groups do not go in turn
  T* exps_ = nullptr;
  T* terms_ = nullptr;
  T* maxima_ = nullptr;
  int64_t begin_ = 0;  // the group's rows
  int64_t size_ = 0;
  Largest held_[kMaxGroup];
};

// A form's kernel of rows with a target per class.
template <typename Form, typename T, typename Arch>
void RunTargetRows(const TargetRows<T>& rows, const FormParameters& parameters) {
  TargetRowsKernel<T, Arch>::Run(rows, TargetFormOf<Form, T, Arch>(), parameters);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TARGET_ROWS_INL_H_
