#ifndef LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_INL_H_
#define LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/class_id_lanes-inl.h"
#include "server/kernels/row_group-inl.h"
#include "server/kernels/row_passes-inl.h"

namespace lossd::kernels {

// The kernel of kTruth forms for rows with one true class. Rows are reduced to their maximum and
// the sum of the other exponentials; a few numbers per row follow from those in double; then the
// exponentials become the results. Short rows go class by class with a row in each lane, longer
// ones one after the other: which depends on the number of classes alone.
template <class Form, typename T, class Arch>
class ClassIdKernel {
 public:
  static void Run(const ClassIdRows<T>& rows, const FormParameters& parameters) {
    if (rows.class_count <= kMaxStridedClasses) {
      ClassIdLanes<Form, T, Arch>::Run(rows, parameters);
      FinishStreaming<Arch>(rows.stores);
      return;
    }
    const int64_t size = GroupSize(rows.class_count);
    for (int64_t begin = 0; begin < rows.row_count; begin += size) {
      RunGroup(rows, begin, std::min(size, rows.row_count - begin), parameters);
    }
    FinishStreaming<Arch>(rows.stores);
  }

 private:
  using Passes = RowPasses<T, Arch>;
  using Softmax = RowSoftmax<T, Arch>;
  using V = Batch<T, Arch>;
  static constexpr int64_t kMaxGroup = kLanes;
  using Group = RowGroup<Form, T, Arch, kMaxGroup>;

  // As many rows as stay in the caches between the passes over them.
  static int64_t GroupSize(int64_t class_count) {
    return std::clamp<int64_t>(4096 / class_count, 1, kMaxGroup);
  }

  static void RunGroup(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                       const FormParameters& parameters) {
    Group group;
    const int64_t classes = rows.class_count;
    // Rows of several chunks are groups of their own, and only they need their chunks' maxima.
    T* const maxima = rows.workspace + std::max<int64_t>(classes, 4096);
    HeldOut<T> held[kMaxGroup];
    for (int64_t i = 0; i < size; ++i) {
      const T* z = rows.logits + (begin + i) * classes;
      T* const exps = rows.workspace + i * classes;
      held[i] = Softmax::Reduce(z, classes, exps, maxima);
      const int64_t t = rows.class_ids[begin + i];
      const T chunk_max = maxima[t / kChunkClasses];
      group.max[i] = static_cast<double>(held[i].max);
      group.rest[i] = held[i].rest;
      group.below_max[i] = static_cast<double>(z[t]) - group.max[i];
      group.exp_truth[i] = static_cast<double>(exps[t]) * Softmax::Ratio(chunk_max, held[i].max);
    }
    group.Evaluate(rows, begin, size, parameters);
    for (int64_t i = 0; i < size; ++i) {
      const Row row = {rows, begin + i, rows.workspace + i * classes, maxima, held[i]};
      if (rows.hessian != nullptr) WriteHessian(row, group, i);
      if (rows.probabilities != nullptr) WriteProbabilities(row, group.p_max[i]);
      if (rows.gradient != nullptr) WriteGradient(row, group, i);
    }
  }

  struct Row {
    const ClassIdRows<T>& rows;
    int64_t index;
    const T* exps;
    const T* maxima;
    HeldOut<T> held;
  };

  // Calls f(begin, count, ratio) for each chunk of classes, with what makes its exponentials the
  // row's.
  template <class F>
  static void ForEachChunk(const Row& row, F f) {
    const int64_t classes = row.rows.class_count;
    if (classes <= kChunkClasses) {
      f(0, classes, 1.0);
      return;
    }
    for (int64_t begin = 0; begin < classes; begin += kChunkClasses) {
      f(begin, std::min(kChunkClasses, classes - begin),
        Softmax::Ratio(row.maxima[begin / kChunkClasses], row.held.max));
    }
  }

  static void Scale(const Row& row, double factor, T* out) {
    ForEachChunk(row, [&](int64_t begin, int64_t count, double ratio) {
      const T scaled = static_cast<T>(factor * ratio);
      if (row.rows.stores == Stores::kStreaming) {
        Passes::ScaleStreaming(row.exps + begin, count, scaled, out + begin);
      } else {
        Passes::Scale(row.exps + begin, count, scaled, out + begin);
      }
    });
  }

  static void WriteProbabilities(const Row& row, double p_max) {
    Scale(row, p_max, row.rows.probabilities + row.index * row.rows.class_count);
  }

  static void WriteGradient(const Row& row, const Group& group, int64_t i) {
    T* const out = row.rows.gradient + row.index * row.rows.class_count;
    const double scale = group.gradient_scale[i];
    if (scale == 0) {
      std::fill(out, out + row.rows.class_count, T(0));
      return;
    }
    Scale(row, -(scale * group.slope[i]) * group.p_max[i], out);
    out[row.rows.class_ids[row.index]] = group.truth_gradient[i];
  }

  static void WriteHessian(const Row& row, const Group& group, int64_t i) {
    T* const out = row.rows.hessian + row.index * row.rows.class_count;
    const RowHessian<T, Arch> h = group.HessianOf(row.rows, row.index, i);
    if (h.scaled == 0) {
      std::fill(out, out + row.rows.class_count, h.unweighted);
      return;
    }
    ForEachChunk(row, [&](int64_t begin, int64_t count, double ratio) {
      const V factor(static_cast<T>(group.p_max[i] * ratio));
      Passes::Map(row.exps + begin, count, out + begin, [&](const V& e) {
        return RowHessian<T, Arch>::OfOthers(e, factor, V(h.pole), V(h.sloped), V(h.scaled),
                                             V(h.floor));
      });
    });
    out[row.held.arg_max] = h.largest;
    out[row.rows.class_ids[row.index]] = h.truth;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_INL_H_
