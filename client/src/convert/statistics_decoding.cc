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

}  // namespace lossd::client
