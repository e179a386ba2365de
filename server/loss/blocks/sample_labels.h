#ifndef LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_LABELS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_LABELS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "server/loss/batch.h"

namespace lossd::loss {

// Calls f(i, row, k) for the elements begin, begin + 1, ... of a row-major [rows, classes].
template <typename F>
void ForEachElement(int64_t begin, int64_t size, int64_t classes, F f) {
  int64_t row = begin / classes;
  int64_t k = begin % classes;
  for (int64_t i = 0; i < size; ++i) {
    f(i, row, k);
    if (++k == classes) {
      k = 0;
      ++row;
    }
  }
}

// A batch's labels as one unsmoothed target t per (row, class), in whichever form they are given.
class ElementLabels {
 public:
  // `dropped` has an entry per sample, `samples_per_row` to a row, or none at all: it is 1 for
  // samples that are ignored beside those that ignore_index marks: those that weigh nothing, and
  // those that mining drops.
  ElementLabels(const Batch& batch, std::optional<int64_t> ignore_index,
                absl::Span<const uint8_t> dropped = {}, int64_t samples_per_row = 1)
      : classes_(batch.classes),
        ignore_index_(ignore_index),
        dropped_(dropped),
        samples_per_row_(samples_per_row) {
    if (const auto* ids = std::get_if<ClassIds>(&batch.labels)) ids_ = ids->values;
    if (const auto* binary = std::get_if<BinaryLabels>(&batch.labels)) binary_ = binary->values;
    const auto* const targets = std::get_if<Targets>(&batch.labels);
    if (targets == nullptr) return;
    if (targets->kind == TargetKind::kTeacherLogits) {
      teacher_ = targets;
    } else {
      if (const auto* f32 = std::get_if<absl::Span<const float>>(&targets->values)) f32_ = *f32;
      if (const auto* f64 = std::get_if<absl::Span<const double>>(&targets->values)) f64_ = *f64;
    }
  }

  // Returns true when labels are integers, so that every target is 0 or 1.
  bool hard() const { return f32_.empty() && f64_.empty() && !has_teacher(); }

  // Returns 0, 1 or ignore_index for each element; empty when labels are of another kind.
  absl::Span<const int64_t> binary() const { return binary_; }

  // Returns the targets, row after row, where they are floats, else null.
  const float* f32_targets() const { return f32_.empty() ? nullptr : f32_.data(); }

  // Calls f with the span of targets. The labels must be targets that are given.
  template <typename F>
  auto VisitTargets(F f) const {
    return f32_.empty() ? f(f64_) : f(f32_);
  }

  // Returns true when no sample can be ignored, whatever its label is.
  bool ignores_none() const { return !ignore_index_ && dropped_.empty(); }

  // Returns true when samples are ignored by their label, beside those that are dropped.
  bool ignores_by_label() const { return ignore_index_.has_value(); }

  // Returns an entry per sample, 1 for those that are dropped; empty when none is.
  absl::Span<const uint8_t> dropped() const { return dropped_; }

  // Returns how many of the rows [begin, end), which must be labelled by class ids, are ignored.
  int64_t CountIgnoredIds(int64_t begin, int64_t end) const {
    if (ignores_none()) return 0;
    int64_t count = 0;
    if (dropped_.empty()) {
      const int64_t ignored_id = *ignore_index_;
      for (int64_t row = begin; row < end; ++row) count += class_id(row) == ignored_id ? 1 : 0;
    } else {
      for (int64_t row = begin; row < end; ++row) count += ignored(row, 0) ? 1 : 0;
    }
    return count;
  }

  // Returns the class of `row`, which must be labelled by class ids.
  int64_t class_id(int64_t row) const { return ids_[static_cast<size_t>(row)]; }
  bool has_class_ids() const { return !ids_.empty(); }
  absl::Span<const int64_t> class_ids() const { return ids_; }

  // Returns true when the sample is ignored. Softmax asks with k = 0.
  bool ignored(int64_t row, int64_t k) const { return used(row, k) == 0; }

  // Returns 0 for a sample that is ignored, else 1: a factor. Which samples weigh nothing is not to
  // be guessed, and a branch on it would cost more than the sample.
  int64_t used(int64_t row, int64_t k) const {
    const int64_t kept =
        dropped_.empty() ? 1 : 1 - dropped_[static_cast<size_t>(row * samples_per_row_ + k)];
    if (!ignore_index_) return kept;
    if (!ids_.empty()) return ids_[static_cast<size_t>(row)] == *ignore_index_ ? 0 : kept;
    if (!binary_.empty()) return binary_[Index(row, k)] == *ignore_index_ ? 0 : kept;
    return kept;
  }

  // Writes used() of the elements begin, begin + 1, ..., row after row, of a sigmoid.
  void CopyUsed(int64_t begin, int64_t size, double* used_elements) const {
    if (!ignore_index_ && !dropped_.empty()) {
      const uint8_t* const dropped = dropped_.data() + begin;
      for (int64_t i = 0; i < size; ++i) used_elements[i] = 1 - dropped[i];
      return;
    }
    ForEachElement(begin, size, classes_, [&](int64_t i, int64_t row, int64_t k) {
      used_elements[i] = static_cast<double>(used(row, k));
    });
  }

  // Writes 0 for those of the elements begin, begin + 1, ..., row after row, of a sigmoid that are
  // ignored.
  template <typename T>
  void ClearUnused(int64_t begin, int64_t size, T* elements) const {
    if (!dropped_.empty()) {
      const uint8_t* const dropped = dropped_.data() + begin;
      for (int64_t i = 0; i < size; ++i) elements[i] = dropped[i] != 0 ? T(0) : elements[i];
    }
    if (!ignore_index_) return;
    ForEachElement(begin, size, classes_, [&](int64_t i, int64_t row, int64_t k) {
      elements[i] = ignored(row, k) ? T(0) : elements[i];
    });
  }

  // Returns true when targets are a teacher's, which TeacherRow has.
  bool has_teacher() const { return teacher_ != nullptr; }

  // Returns the teacher's logit, which is larger where the target is.
  double teacher_logit(int64_t row, int64_t k) const {
    return std::visit([&](auto logits) { return static_cast<double>(logits[Index(row, k)]); },
                      teacher_->values);
  }

  // There must be no teacher.
  double target(int64_t row, int64_t k) const {
    if (!ids_.empty()) return ids_[static_cast<size_t>(row)] == k ? 1 : 0;
    if (!binary_.empty()) return static_cast<double>(binary_[Index(row, k)]);
    if (!f32_.empty()) return static_cast<double>(f32_[Index(row, k)]);
    return f64_[Index(row, k)];
  }

  // Calls f(i) for each of the elements begin + i, i < size, whose column is the class of its row.
  // The rows must be labelled by class ids; an ignored one's may be anything.
  template <typename F>
  void ForEachOfClass(int64_t begin, int64_t size, F f) const {
    for (int64_t row = begin / classes_; row * classes_ < begin + size; ++row) {
      const int64_t id = class_id(row);
      if (id < 0 || id >= classes_) continue;
      const int64_t i = row * classes_ + id - begin;
      if (i >= 0 && i < size) f(i);
    }
  }

  // Writes the targets of the elements begin, begin + 1, ..., row after row, of a sigmoid; 0 for
  // ignored ones.
  void CopyElements(int64_t begin, int64_t size, double* targets) const {
    if (!f32_.empty()) {
      CopyTargets(f32_, begin, size, targets);
    } else if (!f64_.empty()) {
      CopyTargets(f64_, begin, size, targets);
    } else if (!ids_.empty()) {
      std::fill(targets, targets + size, 0.0);
      ForEachOfClass(begin, size, [&](int64_t i) { targets[i] = 1; });
    } else {
      CopyTargets(binary_, begin, size, targets);
    }
    ClearUnused(begin, size, targets);
  }

  // Writes the targets of `row`, [classes]. There must be no teacher.
  void CopyRow(int64_t row, double* targets) const {
    if (!ids_.empty()) {
      std::fill(targets, targets + classes_, 0.0);
      const int64_t id = ids_[static_cast<size_t>(row)];
      if (id >= 0 && id < classes_) targets[id] = 1;
      return;
    }
    for (int64_t k = 0; k < classes_; ++k) targets[k] = target(row, k);
  }

 private:
  template <typename U>
  static void CopyTargets(absl::Span<const U> from, int64_t begin, int64_t size, double* targets) {
    for (int64_t i = 0; i < size; ++i) {
      targets[i] = static_cast<double>(from[static_cast<size_t>(begin + i)]);
    }
  }

  size_t Index(int64_t row, int64_t k) const { return static_cast<size_t>(row * classes_ + k); }

  int64_t classes_;
  std::optional<int64_t> ignore_index_;
  absl::Span<const uint8_t> dropped_;
  int64_t samples_per_row_;
  absl::Span<const int64_t> ids_;
  absl::Span<const int64_t> binary_;
  absl::Span<const float> f32_;
  absl::Span<const double> f64_;
  const Targets* teacher_ = nullptr;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_LABELS_H_
