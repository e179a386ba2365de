#ifndef LOSSD_CLIENT_DEMO_TRAINING_H_
#define LOSSD_CLIENT_DEMO_TRAINING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/demo/dataset.h"
#include "client/demo/progress_bar.h"
#include "lossd/client.h"

namespace lossd::demo {

// A loss to train with, under the name that the tables show.
struct NamedLoss {
  std::string name;
  LossSpec loss;
};

struct TrainingOptions {
  int epochs = 30;
  size_t batch_size = 256;
  double learning_rate = 0.003;
  uint64_t seed = 1;  // of the initial weights and the samples' order, the same for every loss
  std::string run;    // that the server records the batches in
};

// The results of one training run.
struct TrainedModel {
  std::string name;
  std::vector<float> test_logits;   // [test rows, 7]
  ClassStatistics test_statistics;  // of the test rows
};

// Trains a network 9 → 32 → 7 on `dataset` with Adam. Every loss and every gradient with respect to
// the logits comes from the server behind `client`; the rest of the backward pass happens here. The
// samples' ids in the run are their rows.
absl::StatusOr<TrainedModel> Train(const Client& client, const Dataset& dataset,
                                   const NamedLoss& loss, const TrainingOptions& options,
                                   ProgressBar& progress);

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_TRAINING_H_
