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

void EncodePolicyStatistics(const loss::PolicyStatistics& statistics,
                            v1::PolicyStatistics& message) {
  message.set_clipped_high_count(statistics.clipped_high_count);
  message.set_clipped_low_count(statistics.clipped_low_count);
  message.set_dual_clipped_count(statistics.dual_clipped_count);
  if (statistics.ratio) {
    message.set_ratio_mean(statistics.ratio->mean);
    message.set_ratio_min(statistics.ratio->min);
    message.set_ratio_max(statistics.ratio->max);
    message.set_ratio_mean_square(statistics.ratio->mean_square);
    message.set_effective_sample_size(statistics.ratio->effective_sample_size);
  }
  if (statistics.weight_high_count) message.set_weight_high_count(*statistics.weight_high_count);
  if (statistics.weight_low_count) message.set_weight_low_count(*statistics.weight_low_count);
  if (statistics.kl) {
    message.set_kl_k1(statistics.kl->k1);
    message.set_kl_k3(statistics.kl->k3);
  }
  if (statistics.reference) {
    message.set_reference_kl_k1(statistics.reference->k1);
    message.set_reference_kl_k3(statistics.reference->k3);
  }
}

}  // namespace lossd::rpc
