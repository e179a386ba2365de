#include "server/loss/blocks/margins.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

#include "server/kernels/dispatch.h"
#include "server/kernels/workspace.h"
#include "server/loss/blocks/sample_outcomes.h"
#include "server/loss/blocks/strided_rows.h"

namespace lossd::loss {
namespace {

template <typename T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();

float Largest(const float* values, int64_t count) {
  return kernels::CurrentLargest().of_f32(values, count);
}
double Largest(const double* values, int64_t count) {
  return kernels::CurrentLargest().of_f64(values, count);
}

// Returns the larger of the two, and NaN when one of them is.
template <typename T>
T Larger(T value, T largest) {
  const T larger = value > largest ? value : largest;
  return std::isnan(value) ? value : larger;
}

// Reads a value that need not be aligned as its type.
template <typename T>
T Load(const T* at) {
  T value;
  std::memcpy(&value, static_cast<const void*>(at), sizeof(T));
  return value;
}

// Returns a softmax sample's margin, with the same NaN on every machine: instructions' own differ
// in the sign. Its bits do not depend on the sign of a zero that is the largest of the others.
template <typename T>
T Subtract(T truth, T largest_other) {
  const T margin = truth - (largest_other + T(0));
  return std::isnan(margin) ? std::numeric_limits<T>::quiet_NaN() : margin;
}

// Returns whether the truth's is the first of the largest logits, `z(k)`. Only a margin of 0 takes
// a look at them.
template <typename T, typename LogitAt>
bool IsFirstOfLargest(T margin, int64_t truth, LogitAt z) {
  if (margin != T(0)) return margin > T(0);
  for (int64_t k = 0; k < truth; ++k) {
    if (z(k) == z(truth)) return false;
  }
  return true;
}

// Where the margins of some rows go, and whether they are correct.
template <typename T>
struct JudgedRows {
  T* margins;
  uint8_t* correct;  // may be null

  JudgedRows At(int64_t i) const {
    return {margins + i, correct == nullptr ? nullptr : correct + i};
  }
};

// Judges `count` softmax rows from `row` on, whose logits of a class lie side by side, with few
// classes that are `stride` apart. All rows are compared class by class, in the order of memory.
template <typename T>
void JudgeGroup(const BatchPlan& plan, const T* z, int64_t stride, int64_t row, int64_t count,
                const JudgedRows<T>& out) {
  T truth[kMostGroupRows] = {};  // as wide as the logits, beside which it is compared
  T own[kMostGroupRows];         // the logit of the truth
  T largest[kMostGroupRows];
  for (int64_t i = 0; i < count; ++i) truth[i] = static_cast<T>(FindTrueClass(plan, row + i));
  for (int64_t i = 0; i < count; ++i) {
    own[i] = T(0);
    largest[i] = -kInfinity<T>;
  }
  for (int64_t k = 0; k < plan.batch.classes; ++k) {
    const T* const column = z + k * stride;
    const auto id = static_cast<T>(k);
    for (int64_t i = 0; i < count; ++i) {
      const T value = column[i];
      own[i] = truth[i] == id ? value : own[i];
    }
    for (int64_t i = 0; i < count; ++i) {
      const T value = column[i];
      largest[i] = Larger(truth[i] == id ? -kInfinity<T> : value, largest[i]);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    const bool ignored = plan.labels.ignored(row + i, 0);
    out.margins[i] = ignored ? T(0) : Subtract(own[i], largest[i]);
  }
  for (int64_t i = 0; out.correct != nullptr && i < count; ++i) {
    const bool ignored = plan.labels.ignored(row + i, 0);
    const auto logit = [&](int64_t k) { return z[k * stride + i]; };
    const bool correct =
        !ignored && IsFirstOfLargest(out.margins[i], FindTrueClass(plan, row + i), logit);
    out.correct[i] = correct ? 1 : 0;
  }
}

// Reads rows of a window, one after the other, from its array or from pieces.
template <typename T>
class RowReader {
 public:
  explicit RowReader(const RowWindow<T>& window)
      : window_(window), piece_(window.logit_pieces.data()) {}

  // Returns the logits of `count` rows, of which the first is none before those of the last call.
  // They need not be aligned as their type, and are valid until the next call.
  const T* At(int64_t row, int64_t count) {
    if (!window_.logits.empty()) return window_.RowAt(window_.logits, row);
    constexpr auto kSize = static_cast<int64_t>(sizeof(T));
    const int64_t begin = row * window_.classes * kSize;
    const int64_t size = count * window_.classes * kSize;
    while (begin >= EndOf(*piece_)) ++piece_;
    if (begin + size > EndOf(*piece_)) return Copy(begin, size);
    const char* const bytes = piece_->data + (begin - piece_->begin);
    return static_cast<const T*>(static_cast<const void*>(bytes));
  }

 private:
  static int64_t EndOf(const kernels::Piece& piece) { return piece.begin + piece.size; }

  const T* Copy(int64_t begin, int64_t size) {
    copied_.resize(static_cast<size_t>(size) / sizeof(T));
    char* out = reinterpret_cast<char*>(copied_.data());
    for (const kernels::Piece* piece = piece_; size > 0; ++piece) {
      const int64_t count = std::min(size, EndOf(*piece) - begin);
      std::memcpy(out, piece->data + (begin - piece->begin), static_cast<size_t>(count));
      out += count;
      begin += count;
      size -= count;
    }
    return copied_.data();
  }

  const RowWindow<T>& window_;
  const kernels::Piece* piece_;
  std::vector<T> copied_;
};

// Judges softmax rows of few classes that lie one after the other.
template <typename T>
void JudgeShortRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end,
                    const JudgedRows<T>& out) {
  const int64_t classes = plan.batch.classes;
  RowReader<T> reader(window);
  T columns[kMostGroupRows * kernels::kMaxStridedClasses] = {};
  for (int64_t row = begin; row < end; row += kMostGroupRows) {
    const int64_t count = std::min(kMostGroupRows, end - row);
    const T* const z = reader.At(row, count);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t k = 0; k < classes; ++k) {
        columns[k * kMostGroupRows + i] = Load(z + i * classes + k);
      }
    }
    JudgeGroup(plan, columns, kMostGroupRows, row, count, out.At(row - begin));
  }
}

// Judges softmax rows of many classes.
template <typename T>
void JudgeLongRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end,
                   const JudgedRows<T>& out) {
  const int64_t classes = plan.batch.classes;
  RowReader<T> reader(window);
  for (int64_t row = begin; row < end; ++row) {
    const JudgedRows<T> at = out.At(row - begin);
    const bool ignored = plan.labels.ignored(row, 0);
    *at.margins = T(0);
    if (at.correct != nullptr) *at.correct = 0;
    if (ignored) continue;
    const T* const z = reader.At(row, 1);
    const int64_t t = FindTrueClass(plan, row);
    const T largest = Larger(Largest(z, t), Largest(z + t + 1, classes - t - 1));
    *at.margins = Subtract(Load(z + t), largest);
    if (at.correct == nullptr) continue;
    const auto logit = [&](int64_t k) { return Load(z + k); };
    *at.correct = IsFirstOfLargest(*at.margins, t, logit) ? 1 : 0;
  }
}

// Judges the elements of a sigmoid's rows.
template <typename T>
void JudgeElements(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end,
                   const JudgedRows<T>& out) {
  const int64_t per_row = plan.samples_per_row();
  for (int64_t row = begin; row < end; ++row) {
    const T* const z = window.RowAt(window.logits, row);
    const JudgedRows<T> at = out.At((row - begin) * per_row);
    for (int64_t k = 0; k < per_row; ++k) {
      const bool ignored = plan.labels.ignored(row, k);
      const bool positive = !ignored && plan.labels.target(row, k) >= 0.5;
      const T margin = ignored ? T(0) : positive ? z[k] : -z[k];
      at.margins[k] = std::isnan(margin) ? std::numeric_limits<T>::quiet_NaN() : margin;
      if (at.correct == nullptr) continue;
      at.correct[k] = !ignored && (margin > T(0) || (margin == T(0) && !positive)) ? 1 : 0;
    }
  }
}

}  // namespace

template <typename T>
void ComputeMargins(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end) {
  const int64_t per_row = plan.samples_per_row();
  const bool judges = !window.records.correct.empty();
  const JudgedRows<T> out = {window.SampleAt(Output::kMargin, begin * per_row),
                             judges ? window.records.correct.data() + begin * per_row : nullptr};
  if (out.margins == nullptr) return;
  if (window.layout == MatrixLayout::kStrided) {
    assert(plan.is_softmax() && plan.batch.classes <= kernels::kMaxStridedClasses);
    const StridedMatrix matrix = {plan.batch.classes, plan.batch.inner};
    ForEachGroup(matrix, begin, end, [&](int64_t row, int64_t offset, int64_t count) {
      JudgeGroup(plan, window.logits.data() + offset, matrix.inner, row, count,
                 out.At(row - begin));
    });
  } else if (!plan.is_softmax()) {
    JudgeElements(plan, window, begin, end, out);
  } else if (plan.batch.classes <= kernels::kMaxStridedClasses) {
    JudgeShortRows(plan, window, begin, end, out);
  } else {
    JudgeLongRows(plan, window, begin, end, out);
  }
}

template void ComputeMargins(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputeMargins(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
