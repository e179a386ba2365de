// Trains a small network on Statlog (Shuttle) with five losses, each of which comes from a lossd
// server, and prints how well each finds the rare classes.

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/demo/dataset.h"
#include "client/demo/lineup.h"
#include "client/demo/progress_bar.h"
#include "client/demo/report.h"
#include "client/demo/training.h"
#include "lossd/client.h"
#include "lossd/error.h"

namespace lossd::demo {
namespace {

constexpr size_t kTestSize = 14500;  // the source's own test split

struct Flags {
  std::string address = "localhost:50051";
  std::string data;
  TrainingOptions training;
};

absl::StatusOr<ClassWeightsResult> CountClasses(const Client& client, const Samples& samples) {
  ClassWeightsOptions options;
  options.class_count = kClassCount;
  return client.ComputeClassWeights(
      ArrayView<int64_t>(samples.labels, {static_cast<int64_t>(samples.size())}), options);
}

absl::StatusOr<CompareResult> CompareOnTest(const Client& client, const TrainedModel& model,
                                            const Samples& test,
                                            const std::vector<NamedLoss>& losses) {
  std::vector<LossSpec> specs;
  specs.reserve(losses.size());
  for (const NamedLoss& loss : losses) specs.push_back(loss.loss);
  const auto rows = static_cast<int64_t>(test.size());
  return client.Compare(ArrayView<float>(model.test_logits, {rows, int64_t{kClassCount}}),
                        ArrayView<int64_t>(test.labels, {rows}), specs);
}

absl::Status Run(const Flags& flags) {
  const absl::StatusOr<Client> client = Client::Create({flags.address});
  if (!client.ok()) return client.status();
  const absl::StatusOr<Dataset> dataset = LoadShuttle(flags.data, kTestSize);
  if (!dataset.ok()) return dataset.status();
  const absl::StatusOr<ClassWeightsResult> classes = CountClasses(*client, dataset->train);
  if (!classes.ok()) return classes.status();
  std::cout << "Statlog (Shuttle): " << dataset->train.size() << " training rows, "
            << dataset->test.size() << " test rows, " << kFeatureCount << " features, "
            << kClassCount << " classes. A network 9-32-7, losses and gradients from lossd at "
            << flags.address << ".\n\n";

  const std::vector<NamedLoss> losses = Lineup(classes->counts);
  const auto style =
      isatty(STDOUT_FILENO) == 1 ? ProgressBar::Style::kTerminal : ProgressBar::Style::kLog;
  std::vector<TrainedModel> models;
  for (const NamedLoss& loss : losses) {
    ProgressBar progress(std::cout, style, loss.name, flags.training.epochs, dataset->train.size());
    absl::StatusOr<TrainedModel> model = Train(*client, *dataset, loss, flags.training, progress);
    if (!model.ok()) return model.status();
    models.push_back(*std::move(model));
  }

  const std::vector<size_t> rare = RareClasses(classes->frequencies);
  std::cout << "\n" << RecallReport(models, rare);
  for (const size_t index : {kCrossEntropy, kSquaredError}) {
    const absl::StatusOr<CompareResult> comparison =
        CompareOnTest(*client, models[index], dataset->test, losses);
    if (!comparison.ok()) return comparison.status();
    std::cout << "\n" << ComparisonReport(models[index].name, losses, *comparison, rare);
  }
  std::cout << "\n" << DifficultyReport(models, flags.training.epochs);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Trains a small network with losses from a lossd server, and compares them.",
               "lossd_demo");
  app.add_option("--address", flags.address, "Where lossd listens")->capture_default_str();
  app.add_option("--data", flags.data, "The file shuttle.csv.gz")->required();
  app.add_option("--epochs", flags.training.epochs, "Epochs of each run")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--seed", flags.training.seed, "Seed of the weights and of the rows' order")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = Run(flags);
  if (!status.ok()) {
    std::cerr << "\nlossd_demo: " << status.message() << " ("
              << absl::StatusCodeToString(status.code()) << ")\n";
    for (const FieldViolation& violation : FieldViolations(status)) {
      std::cerr << "  " << violation.field << " " << violation.description << "\n";
    }
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace lossd::demo

int main(int argc, char** argv) {
  try {
    return lossd::demo::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "\nlossd_demo: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
