#include "server/rpc/encode/statistics_encoder.h"

namespace lossd::rpc {
namespace {

using google::protobuf::RepeatedField;

template <typename Column, typename T>
void CopyAll(const Column& column, RepeatedField<T>& entries) {
  entries.Assign(column.begin(), column.end());
}

}  // namespace

loss::Work ClassStatisticsWork(double entries) {
  constexpr double kColumns = 10;
  return {10 * kColumns * entries, 2 * sizeof(double) * kColumns * entries};
}

void EncodeClassStatistics(const loss::ClassStatistics& statistics, v1::ClassStatistics& message) {
  CopyAll(statistics.count, *message.mutable_count());
  CopyAll(statistics.frequency, *message.mutable_frequency());
  CopyAll(statistics.weight, *message.mutable_weight());
  CopyAll(statistics.loss_sum, *message.mutable_loss_sum());
  CopyAll(statistics.loss_share, *message.mutable_loss_share());
  CopyAll(statistics.gradient_share, *message.mutable_gradient_share());
  CopyAll(statistics.mean_true_probability, *message.mutable_mean_true_probability());
  CopyAll(statistics.correct_count, *message.mutable_correct_count());
  CopyAll(statistics.predicted_count, *message.mutable_predicted_count());
  CopyAll(statistics.empty_classes, *message.mutable_empty_classes());
  CopyAll(statistics.class_ids, *message.mutable_class_ids());
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
