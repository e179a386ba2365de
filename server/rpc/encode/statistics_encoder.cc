#include "server/rpc/encode/statistics_encoder.h"

#include <cstdint>
#include <vector>

namespace lossd::rpc {
namespace {

using google::protobuf::RepeatedField;

std::vector<int64_t> PresentClasses(const loss::ClassStatistics& statistics) {
  std::vector<int64_t> present;
  for (size_t k = 0; k < statistics.count.size(); ++k) {
    if (statistics.count[k] > 0) present.push_back(static_cast<int64_t>(k));
  }
  return present;
}

template <typename T>
void CopyEntries(const std::vector<T>& column, const std::vector<int64_t>& classes,
                 RepeatedField<T>& entries) {
  entries.Reserve(static_cast<int>(classes.size()));
  for (const int64_t k : classes) entries.AddAlreadyReserved(column[static_cast<size_t>(k)]);
}

template <typename Column, typename T>
void CopyAll(const Column& column, RepeatedField<T>& entries) {
  entries.Assign(column.begin(), column.end());
}

// Calls copy(column, field) for every column.
template <typename Copy>
void ForEachColumn(const loss::ClassStatistics& statistics, v1::ClassStatistics& message,
                   Copy copy) {
  copy(statistics.count, *message.mutable_count());
  copy(statistics.frequency, *message.mutable_frequency());
  copy(statistics.weight, *message.mutable_weight());
  copy(statistics.loss_sum, *message.mutable_loss_sum());
  copy(statistics.loss_share, *message.mutable_loss_share());
  copy(statistics.gradient_share, *message.mutable_gradient_share());
  copy(statistics.mean_true_probability, *message.mutable_mean_true_probability());
  copy(statistics.correct_count, *message.mutable_correct_count());
  copy(statistics.predicted_count, *message.mutable_predicted_count());
}

}  // namespace

void EncodeClassStatistics(const loss::ClassStatistics& statistics, ClassColumns columns,
                           v1::ClassStatistics& message) {
  if (columns == ClassColumns::kAll) {
    ForEachColumn(statistics, message,
                  [](const auto& column, auto& entries) { CopyAll(column, entries); });
    CopyAll(statistics.empty_classes, *message.mutable_empty_classes());
    return;
  }
  const std::vector<int64_t> present = PresentClasses(statistics);
  ForEachColumn(statistics, message, [&present](const auto& column, auto& entries) {
    CopyEntries(column, present, entries);
  });
  CopyAll(present, *message.mutable_class_ids());
}

void EncodeDifficulty(const loss::Difficulty& difficulty, v1::Difficulty& message) {
  CopyAll(difficulty.bin_edges, *message.mutable_bin_edges());
  CopyAll(difficulty.count, *message.mutable_count());
  CopyAll(difficulty.loss_share, *message.mutable_loss_share());
  CopyAll(difficulty.gradient_share, *message.mutable_gradient_share());
  message.set_hard_threshold(difficulty.hard_threshold);
  message.set_hard_count(difficulty.hard_count);
  message.set_hard_loss_share(difficulty.hard_loss_share);
  message.set_hard_gradient_share(difficulty.hard_gradient_share);
  message.set_mean_true_probability(difficulty.mean_true_probability);
}

}  // namespace lossd::rpc
