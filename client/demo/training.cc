#include "client/demo/training.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/demo/adam.h"
#include "client/demo/network.h"
#include "client/demo/random.h"

namespace lossd::demo {
namespace {

constexpr Network::Widths kWidths = {kFeatureCount, 32, kClassCount};

ArrayView<float> LogitsView(absl::Span<const float> logits) {
  return {logits, {static_cast<int64_t>(logits.size() / kClassCount), int64_t{kClassCount}}};
}

ArrayView<int64_t> LabelsView(absl::Span<const int64_t> labels) {
  return {labels, {static_cast<int64_t>(labels.size())}};
}

// One training run: the network and its optimizer.
class Trainer {
 public:
  Trainer(const Client& client, const Samples& samples, const LossSpec& loss,
          const TrainingOptions& options)
      : client_(client),
        samples_(samples),
        loss_(loss),
        options_(options),
        random_(options.seed),
        network_(kWidths, random_),
        adam_(network_.parameters().size(), options.learning_rate),
        order_(samples.size()) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    step_options_.reduction = Reduction::kMean;
    step_options_.outputs.losses = false;
    step_options_.outputs.class_weights = false;
    step_options_.outputs.gradient = true;
    step_options_.recording.emplace();
    step_options_.recording->run = options.run;
    step_options_.recording->step = 0;
    step_options_.recording->learning_rate = options.learning_rate;
  }

  // Trains on every sample once, in a new order. Returns the mean of the batches' losses.
  absl::StatusOr<double> RunEpoch(int epoch, ProgressBar& progress) {
    step_options_.recording->epoch = epoch + 1;
    random_.Shuffle(absl::MakeSpan(order_));
    double loss_sum = 0.0;
    int batches = 0;
    for (size_t begin = 0; begin < order_.size(); begin += options_.batch_size) {
      const size_t size = std::min(options_.batch_size, order_.size() - begin);
      const absl::StatusOr<double> loss = Step(absl::MakeSpan(order_).subspan(begin, size));
      if (!loss.ok()) return loss.status();
      loss_sum += *loss;
      progress.Update(epoch, begin + size, loss_sum / ++batches);
    }
    return loss_sum / batches;
  }

  Network& network() { return network_; }

 private:
  // Trains on one batch: forward, the loss and its gradient from the server, backward, Adam.
  absl::StatusOr<double> Step(absl::Span<const size_t> rows) {
    batch_.features.resize(rows.size() * kFeatureCount);
    batch_.labels.resize(rows.size());
    ids_.assign(rows.begin(), rows.end());
    step_options_.recording->sample_ids = LabelsView(ids_);
    for (size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(&samples_.features[rows[i] * kFeatureCount], kFeatureCount,
                  &batch_.features[i * kFeatureCount]);
      batch_.labels[i] = samples_.labels[rows[i]];
    }
    const auto result = client_.Compute(LogitsView(network_.Forward(batch_.features)),
                                        LabelsView(batch_.labels), loss_, step_options_);
    if (!result.ok()) return result.status();
    ++*step_options_.recording->step;
    const absl::Span<const float> gradient(result->gradient->data(), result->gradient->size());
    adam_.Step(network_.Backward(batch_.features, gradient), network_.parameters());
    return result->loss;
  }

  const Client& client_;
  const Samples& samples_;
  const LossSpec& loss_;
  TrainingOptions options_;
  ComputeOptions step_options_;
  Random random_;
  Network network_;
  Adam adam_;
  std::vector<size_t> order_;
  Samples batch_;
  std::vector<int64_t> ids_;  // of the batch's samples
};

absl::StatusOr<ClassStatistics> MeasureTest(const Client& client, absl::Span<const float> logits,
                                            const Samples& test, const LossSpec& loss) {
  ComputeOptions options;
  options.outputs.losses = false;
  options.outputs.class_statistics = true;
  auto result = client.Compute(LogitsView(logits), LabelsView(test.labels), loss, options);
  if (!result.ok()) return result.status();
  return *std::move(result->class_statistics);
}

}  // namespace

absl::StatusOr<TrainedModel> Train(const Client& client, const Dataset& dataset,
                                   const NamedLoss& loss, const TrainingOptions& options,
                                   ProgressBar& progress) {
  Trainer trainer(client, dataset.train, loss.loss, options);
  TrainedModel model;
  model.name = loss.name;
  double last_loss = 0.0;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const absl::StatusOr<double> epoch_loss = trainer.RunEpoch(epoch, progress);
    if (!epoch_loss.ok()) return epoch_loss.status();
    last_loss = *epoch_loss;
  }
  progress.Finish(last_loss);

  model.test_logits = trainer.network().Forward(dataset.test.features);
  absl::StatusOr<ClassStatistics> statistics =
      MeasureTest(client, model.test_logits, dataset.test, loss.loss);
  if (!statistics.ok()) return statistics.status();
  model.test_statistics = *std::move(statistics);
  return model;
}

}  // namespace lossd::demo
