#include "client/src/convert/statistics_decoding.h"

#include <vector>

namespace lossd::client {
namespace {

template <typename T>
std::vector<T> ToVector(const google::protobuf::RepeatedField<T>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

ClassStatistics DecodeClassStatistics(const v1::ClassStatistics& message) {
  ClassStatistics statistics;
  statistics.count = ToVector(message.count());
  statistics.frequency = ToVector(message.frequency());
  statistics.weight = ToVector(message.weight());
  statistics.loss_sum = ToVector(message.loss_sum());
  statistics.loss_share = ToVector(message.loss_share());
  statistics.gradient_share = ToVector(message.gradient_share());
  statistics.mean_true_probability = ToVector(message.mean_true_probability());
  statistics.correct_count = ToVector(message.correct_count());
  statistics.predicted_count = ToVector(message.predicted_count());
  statistics.empty_classes = ToVector(message.empty_classes());
  statistics.class_ids = ToVector(message.class_ids());
  return statistics;
}

Difficulty DecodeDifficulty(const v1::Difficulty& message) {
  Difficulty difficulty;
  difficulty.bin_edges = ToVector(message.bin_edges());
  difficulty.count = ToVector(message.count());
  difficulty.loss_share = ToVector(message.loss_share());
  difficulty.gradient_share = ToVector(message.gradient_share());
  difficulty.hard_threshold = message.hard_threshold();
  difficulty.hard_count = message.hard_count();
  difficulty.hard_loss_share = message.hard_loss_share();
  difficulty.hard_gradient_share = message.hard_gradient_share();
  difficulty.mean_true_probability = message.mean_true_probability();
  return difficulty;
}

PolicyStatistics DecodePolicyStatistics(const v1::PolicyStatistics& message) {
  PolicyStatistics statistics;
  statistics.clipped_high_count = message.clipped_high_count();
  statistics.clipped_low_count = message.clipped_low_count();
  statistics.dual_clipped_count = message.dual_clipped_count();
  if (message.has_ratio_mean()) statistics.ratio_mean = message.ratio_mean();
  if (message.has_ratio_min()) statistics.ratio_min = message.ratio_min();
  if (message.has_ratio_max()) statistics.ratio_max = message.ratio_max();
  if (message.has_ratio_mean_square()) statistics.ratio_mean_square = message.ratio_mean_square();
  if (message.has_effective_sample_size())
    statistics.effective_sample_size = message.effective_sample_size();
  if (message.has_kl_k1()) statistics.kl_k1 = message.kl_k1();
  if (message.has_kl_k3()) statistics.kl_k3 = message.kl_k3();
  if (message.has_reference_kl_k1()) statistics.reference_kl_k1 = message.reference_kl_k1();
  if (message.has_reference_kl_k3()) statistics.reference_kl_k3 = message.reference_kl_k3();
  if (message.has_weight_high_count()) statistics.weight_high_count = message.weight_high_count();
  if (message.has_weight_low_count()) statistics.weight_low_count = message.weight_low_count();
  return statistics;
}

}  // namespace lossd::client
