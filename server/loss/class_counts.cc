#include "server/loss/class_counts.h"

#include <variant>

#include "server/loss/blocks/ignored_samples.h"
#include "server/loss/blocks/sample_labels.h"
#include "server/loss/blocks/teacher_row.h"

namespace lossd::loss {
namespace {

// Calls f(row) for each row, which reads so many numbers.
template <typename F>
void ForEachRow(const Batch& batch, int64_t numbers, const Cancellation& cancellation, F f) {
  ForEachBlock(batch.rows, numbers, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) f(row);
  });
}

// Adds the targets that a teacher gives, in the order of the rows.
void AddTeacher(const Batch& batch, const ElementLabels& labels, const Cancellation& cancellation,
                std::vector<double>& counts) {
  TeacherRow teacher(std::get<Targets>(batch.labels), batch.classes);
  ForEachRow(batch, batch.classes, cancellation, [&](int64_t row) {
    if (labels.ignored(row, 0)) return;
    teacher.Load(row);
    for (size_t k = 0; k < counts.size(); ++k) counts[k] += teacher.targets()[k];
  });
}

// Adds target(row, k) to the columns, in the order of the rows.
template <typename Target>
void AddColumns(const Batch& batch, const Cancellation& cancellation, std::vector<double>& counts,
                Target target) {
  ForEachRow(batch, batch.classes, cancellation, [&](int64_t row) {
    for (int64_t k = 0; k < batch.classes; ++k) {
      counts[static_cast<size_t>(k)] += target(row, k);
    }
  });
}

std::vector<double> CountOneLogitRows(const Batch& batch, const ElementLabels& labels,
                                      const Cancellation& cancellation) {
  std::vector<double> counts(2, 0.0);
  ForEachRow(batch, 1, cancellation, [&](int64_t row) {
    if (labels.ignored(row, 0)) return;
    counts[0] += 1 - labels.target(row, 0);
    counts[1] += labels.target(row, 0);
  });
  return counts;
}

// Counts the true classes of rows; of sigmoid's, a sample is the element of the true class.
std::vector<double> CountIds(const Batch& batch, const ElementLabels& labels, Activation activation,
                             const Cancellation& cancellation) {
  const bool softmax = activation == Activation::kSoftmax;
  std::vector<double> counts(static_cast<size_t>(batch.classes), 0.0);
  ForEachRow(batch, 1, cancellation, [&](int64_t row) {
    const int64_t id = labels.class_id(row);
    if (id < 0 || id >= batch.classes || labels.ignored(row, softmax ? 0 : id)) return;
    counts[static_cast<size_t>(id)] += 1;
  });
  return counts;
}

}  // namespace

int64_t ClassVectorSize(const Batch& batch, Activation activation) {
  const bool has_two = activation == Activation::kSigmoid && batch.classes == 1 &&
                       batch.one_logit_classes == OneLogitClasses::kNegativeAndPositive;
  return has_two ? 2 : batch.classes;
}

std::vector<double> CountClasses(const Batch& batch, Activation activation,
                                 std::optional<int64_t> ignore_index,
                                 const Cancellation& cancellation) {
  const bool softmax = activation == Activation::kSoftmax;
  const std::vector<uint8_t> weightless = FindWeightless(batch, activation, cancellation);
  const ElementLabels labels(batch, ignore_index, weightless, softmax ? 1 : batch.classes);
  if (ClassVectorSize(batch, activation) != batch.classes) {
    return CountOneLogitRows(batch, labels, cancellation);
  }
  if (labels.has_class_ids()) return CountIds(batch, labels, activation, cancellation);
  std::vector<double> counts(static_cast<size_t>(batch.classes), 0.0);
  if (labels.has_teacher()) {
    AddTeacher(batch, labels, cancellation, counts);
    return counts;
  }
  AddColumns(batch, cancellation, counts, [&](int64_t row, int64_t k) {
    return labels.ignored(row, softmax ? 0 : k) ? 0 : labels.target(row, k);
  });
  return counts;
}

}  // namespace lossd::loss
