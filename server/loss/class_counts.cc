#include "server/loss/class_counts.h"

#include "server/loss/blocks/sample_labels.h"

namespace lossd::loss {
namespace {

// Adds target(row, k) to the columns, in the order of the rows.
template <typename Target>
void AddColumns(const Batch& batch, std::vector<double>& counts, Target target) {
  for (int64_t row = 0; row < batch.rows; ++row) {
    for (int64_t k = 0; k < batch.classes; ++k) {
      counts[static_cast<size_t>(k)] += target(row, k);
    }
  }
}

std::vector<double> CountOneLogitRows(const Batch& batch, const ElementLabels& labels) {
  std::vector<double> counts(2, 0.0);
  for (int64_t row = 0; row < batch.rows; ++row) {
    if (labels.ignored(row, 0)) continue;
    counts[0] += 1 - labels.target(row, 0);
    counts[1] += labels.target(row, 0);
  }
  return counts;
}

}  // namespace

int64_t ClassVectorSize(const Batch& batch, Activation activation) {
  const bool has_two = activation == Activation::kSigmoid && batch.classes == 1 &&
                       batch.one_logit_classes == OneLogitClasses::kNegativeAndPositive;
  return has_two ? 2 : batch.classes;
}

std::vector<double> CountClasses(const Batch& batch, Activation activation,
                                 std::optional<int64_t> ignore_index) {
  const ElementLabels labels(batch, ignore_index);
  if (ClassVectorSize(batch, activation) != batch.classes) return CountOneLogitRows(batch, labels);
  std::vector<double> counts(static_cast<size_t>(batch.classes), 0.0);
  if (const auto* ids = std::get_if<ClassIds>(&batch.labels)) {
    for (const int64_t id : ids->values) {
      if (id == ignore_index || id == batch.classes) continue;
      counts[static_cast<size_t>(id)] += 1;
    }
    return counts;
  }
  AddColumns(batch, counts, [&](int64_t row, int64_t k) {
    return labels.ignored(row, k) ? 0 : labels.target(row, k);
  });
  return counts;
}

}  // namespace lossd::loss
