#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROWS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROWS_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/row_shape.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_writer-inl.h"
#include "server/kernels/rows/shaped_group-inl.h"
#include "server/kernels/rows/shaped_group_factors-inl.h"
#include "server/kernels/rows/shaped_lanes-inl.h"
#include "server/kernels/rows/shaped_lanes_outputs-inl.h"
#include "server/kernels/rows/shaped_lanes_sums-inl.h"
#include "server/kernels/rows/shaped_row-inl.h"
#include "server/kernels/rows/truth_form-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// The kernel of rows with one true class, as ClassIdKernel, whose logits or losses have options
// around them. It is compiled once for all forms, of which it knows the true classes' few numbers.
template <typename T, typename Arch>
class ShapedRowsKernel {
 public:
  static void Run(const ClassIdRows<T>& rows, const RowShape<T>& shape, const TruthForm& form,
                  const FormParameters& parameters) {
    if (rows.class_count <= kMaxStridedClasses) {
      ShapedLanes<T, Arch>(rows, shape, form, parameters).Run();
    } else if (rows.stores == Stores::kStreaming && rows.gradient != nullptr) {
      ShapedRowsKernel(rows, shape, form, parameters).RunStreaming();
    } else {
      ShapedRowsKernel(rows, shape, form, parameters).RunCached();
    }
  }

 private:
  using Passes = ShapedPasses<T, Arch>;
  static constexpr int64_t kMaxGroup = kLanes;
  // The gradients of shorter rows are computed first and then written as one long row.
  static constexpr int64_t kFewestClassesAlone = 512;
  using Group = ShapedGroup<T, Arch, kMaxGroup>;
  using Writer = RowWriter<T, Arch, kMaxGroup>;

  ShapedRowsKernel(const ClassIdRows<T>& rows, const RowShape<T>& shape, const TruthForm& form,
                   const FormParameters& parameters)
      : source_(rows),
        softmax_(shape, rows.class_count, SumsOf(shape, form), ChunkWeights(rows, shape)),
        rows_(rows),
        shape_(shape),
        form_(form),
        parameters_(parameters),
        classes_(rows.class_count),
        caps_alone_(ShapedSoftmax<T, Arch>::CapsAlone(shape, SumsOf(shape, form))),
        joined_(classes_ < kFewestClassesAlone),
        stride_(joined_ ? classes_ : PaddedSize(classes_)),
        group_size_(std::clamp<int64_t>(kGroupElements / stride_, 1, kMaxGroup)) {
    T* at = rows.workspace + ElementsToLine(rows.workspace) + ChunkNumbersSize(classes_);
    const auto take = [&at](int64_t size) {
      T* const taken = at;
      at += size;
      return taken;
    };
    const int64_t numbers = ChunkNumbersSize(classes_);
    first_ = take(GroupWorkspaceSize(classes_));
    if (classes_ <= kMaxClassesInTurn) second_ = take(GroupWorkspaceSize(classes_));
    maxima_ = {take(numbers), take(numbers)};
    if (WantsSlopes()) caps_.slopes = take(CapWorkspaceSize(classes_));
    if (shape.softcap != 0 && rows.hessian != nullptr) {
      caps_.tanhs = take(CapWorkspaceSize(classes_));
    }
    SetWorkspace(first_);
  }

  // Returns the chunks' weights, which lie first in the workspace, or null where there are none.
  static const T* ChunkWeights(const ClassIdRows<T>& rows, const RowShape<T>& shape) {
    if (shape.smoothing == 0 || shape.class_weights == nullptr) return nullptr;
    T* const weights = rows.workspace + ElementsToLine(rows.workspace);
    ShapedSoftmax<T, Arch>::SumWeights(shape.class_weights, rows.class_count, weights);
    return weights;
  }

  // Returns true when the slopes of capped logits are wanted by themselves.
  bool WantsSlopes() const {
    const bool asks_for_more =
        rows_.hessian != nullptr || rows_.probabilities != nullptr || rows_.gradient_l1 != nullptr;
    return shape_.softcap != 0 && (!caps_alone_ || asks_for_more);
  }

  static RowSums SumsOf(const RowShape<T>& shape, const TruthForm& form) {
    if (form.is_squared_error()) return RowSums::kSquares;
    return shape.smoothing != 0 ? RowSums::kLogits : RowSums::kNone;
  }

  void RunCached() {
    NoWriter no_writer;
    for (int64_t begin = 0; begin < rows_.row_count; begin += group_size_) {
      Group group;
      Reduce(begin, no_writer, group);
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
      Reduce(begin, writer, group);
      writer.Drain();
      writer.Begin();
      Queue(group, writer);
      if (second_ != nullptr) {
        SetWorkspace(exps_ == first_ ? second_ : first_);
      } else {
        writer.Drain();
      }
    }
    writer.Finish();
  }

  void SetWorkspace(T* group) {
    exps_ = group;
    factors_ = group + GroupWorkspaceSize(classes_) - ChunkNumbersSize(classes_);
  }

  T* ExpsOf(int64_t i) const { return exps_ + i * stride_; }
  // Returns the largest logits of row i's chunks. A row of several chunks is a group by itself.
  ChunkMaxima<T> MaximaOf(int64_t i) const { return {maxima_.bases + i, maxima_.addends + i}; }
  int64_t ClassIdOf(int64_t i) const { return rows_.class_ids[begin_ + i]; }

  CapDerivatives<T> CapsOf(int64_t i) const {
    CapDerivatives<T> caps = caps_;
    if (caps.slopes != nullptr) caps.slopes += i * stride_;
    if (caps.tanhs != nullptr) caps.tanhs += i * stride_;
    return caps;
  }
  double SlopeOf(int64_t i, int64_t j) const {
    if (j == ClassIdOf(i)) return static_cast<double>(truth_slope_[i]);
    return caps_.slopes == nullptr ? 1 : static_cast<double>(CapsOf(i).slopes[j]);
  }

  // Returns true when the gradient of class m needs a value of its own.
  bool HoldsLargestOut() const { return shape_.smoothing != 0; }

  // Computes all but the gradient of the group of rows that begins at `begin`.
  template <typename SomeWriter>
  void Reduce(int64_t begin, SomeWriter& writer, Group& group) {
    begin_ = begin;
    size_ = std::min(group_size_, rows_.row_count - begin);
    for (int64_t i = 0; i < size_; ++i) ReduceRow(i, writer, group);
    group.Evaluate(rows_, shape_, form_, parameters_, begin, size_);
    for (int64_t i = 0; i < size_; ++i) {
      if (rows_.true_gradient != nullptr) {
        rows_.true_gradient[begin + i] *= SlopeOf(i, ClassIdOf(i));
      }
      if (rows_.gradient_l1 != nullptr) rows_.gradient_l1[begin + i] = SumGradient(group, i);
      if (rows_.hessian != nullptr) WriteHessian(group, i);
      if (rows_.probabilities != nullptr) WriteProbabilities(group, i);
      if (caps_alone_ && caps_.slopes != nullptr) {
        Passes::Multiply(CapsOf(i).slopes, classes_, ExpsOf(i));
      }
    }
  }

  template <typename SomeWriter>
  void ReduceRow(int64_t i, SomeWriter& writer, Group& group) {
    const int64_t t = ClassIdOf(i);
    ShapedTruth<T> truth;
    const auto logits_at = [&](int64_t first, int64_t count) LOSSD_ALWAYS_INLINE {
      const int64_t at = (begin_ + i) * classes_ + first;
      if (first == 0) source_.GoBack(at);
      return source_.At(at, count);
    };
    const ShapedHeldOut<T> held =
        softmax_.Reduce(logits_at, t, ExpsOf(i), MaximaOf(i), CapsOf(i), writer, truth);
    row_max_[i] = held.max;
    largest_[i] = HoldsLargestOut() || rows_.hessian != nullptr ? ArgMax(i) : -1;
    group.max[i] = held.max.Value(shape_.scale);
    group.rest[i] = held.rest;
    group.below_max[i] = truth.logit.Minus(held.max, shape_.scale);
    truth_slope_[i] = truth.slope;
    group.logit_sum[i] = held.logit_sum;
    group.square_sum[i] = held.square_sum;
    group.gap_sum[i] = held.gap_sum;
    group.largest_weight[i] = WeightOf(std::max<int64_t>(largest_[i], 0));
  }

  double WeightOf(int64_t j) const {
    return shape_.class_weights == nullptr ? 1 : static_cast<double>(shape_.class_weights[j]);
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
        softmax_.Ratio(MaximaOf(i)[begin / kChunkClasses], row_max_[i]));
    }
  }

  // Returns the first of row i's most probable classes, as far as its exponentials tell them apart.
  int64_t ArgMax(int64_t i) const;

  // Returns true when exponentials, in the end, times a factor are the gradient of all classes but
  // the true one.
  bool IsLinear() const {
    return !HoldsLargestOut() && !form_.is_squared_error() && (shape_.softcap == 0 || caps_alone_);
  }
  static T LinearFactor(const Group& group, int64_t i, double ratio) {
    return static_cast<T>(group.b[i] * ratio * group.gradient_scale[i]);
  }

  // Returns the terms of a chunk's gradient without a scale.
  GradientTerms<T> TermsOf(const Group& group, int64_t i, int64_t begin, double ratio) const;

  // Sets what the terms of the squared error have of their own.
  void SetSquared(const Group& group, int64_t i, int64_t begin, double ratio,
                  GradientTerms<T>& terms) const;

  // `out` may be the row's exponentials.
  void WriteGradientTo(const Group& group, int64_t i, T* out) const;

  void SetOwn(int64_t i, double of_largest, double of_truth, T* out) const;

  // Returns Σ_j |g_j| by z, without the row's scales.
  double SumGradient(const Group& group, int64_t i) const;

  double TermOfNothing(int64_t i, int64_t j) const {
    return shape_.smoothing / static_cast<double>(classes_) * WeightOf(j) * SlopeOf(i, j);
  }

  void Queue(const Group& group, Writer& writer) const;

  void QueueRow(const Group& group, int64_t i, Writer& writer) const;

  void WriteProbabilities(const Group& group, int64_t i) const;

  void WriteHessian(const Group& group, int64_t i) const;

  // Returns what tanh · slope is multiplied by for the second derivative, in units of scale².
  double SecondFactor() const { return -2 / (shape_.softcap * shape_.scale); }

  LogitSource<T, Arch> source_;
  ShapedSoftmax<T, Arch> softmax_;
  const ClassIdRows<T>& rows_;
  const RowShape<T>& shape_;
  const TruthForm& form_;
  const FormParameters& parameters_;
  const int64_t classes_;
  const bool caps_alone_;
  const bool joined_;
  const int64_t stride_;  // of exponentials, from row to row of a group
  const int64_t group_size_;

  T* first_ = nullptr;
  T* second_ = nullptr;  // null: groups do not go in turn
  T* exps_ = nullptr;
  T* factors_ = nullptr;
  ChunkMaxima<T> maxima_;
  CapDerivatives<T> caps_;
  int64_t begin_ = 0;  // the group's rows
  int64_t size_ = 0;
  ShapedLogit<T> row_max_[kMaxGroup];
  T truth_slope_[kMaxGroup];
  int64_t largest_[kMaxGroup];  // -1: not looked for
};

// A form's kernel of shaped rows.
template <typename Form, typename T, typename Arch>
void RunShapedRows(const ClassIdRows<T>& rows, const RowShape<T>& shape,
                   const FormParameters& parameters) {
  TruthForm form;
  form.takes_magnitude = Form::kWeighting == Weighting::kWhole;
  if constexpr (!Form::kIsSquaredError) form.evaluate = &EvaluateTruth<OneTargetOf<Form>, Arch>;
  ShapedRowsKernel<T, Arch>::Run(rows, shape, form, parameters);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROWS_INL_H_
