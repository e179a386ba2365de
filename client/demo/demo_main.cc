// Trains a small network on Statlog (Shuttle) with five losses, each of which comes from a lossd
// server, and with three learning rates, and prints how well each finds the rare classes, and what
// the server recorded of the rows.

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
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/demo/dataset.h"
#include "client/demo/lineup.h"
#include "client/demo/progress_bar.h"
#include "client/demo/report.h"
#include "client/demo/run_report.h"
#include "client/demo/run_summary.h"
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

// Returns a name that a run may have: "focal (gamma 2)" becomes "focal-gamma-2".
std::string RunName(absl::string_view name) {
  std::string run;
  for (const char c : name) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.') {
      run.push_back(c);
    } else if (!run.empty() && run.back() != '-') {
      run.push_back('-');
    }
  }
  while (!run.empty() && run.back() == '-') run.pop_back();
  return run;
}

struct RecordedModel {
  TrainedModel model;
  RunSummary summary;
};

// Trains models, and fetches what the server recorded of them.
class Demo {
 public:
  Demo(const Client& client, const Dataset& dataset, const TrainingOptions& options)
      : client_(client), dataset_(dataset), options_(options) {}

  // Trains with a loss under its name.
  absl::StatusOr<RecordedModel> TrainWith(const NamedLoss& loss, double learning_rate) const {
    TrainingOptions options = options_;
    options.learning_rate = learning_rate;
    options.run = absl::StrCat(runs_, RunName(loss.name));
    const auto style =
        isatty(STDOUT_FILENO) == 1 ? ProgressBar::Style::kTerminal : ProgressBar::Style::kLog;
    ProgressBar progress(std::cout, style, loss.name, options.epochs, dataset_.train.size());
    absl::StatusOr<TrainedModel> model = Train(client_, dataset_, loss, options, progress);
    if (!model.ok()) return model.status();
    const auto summary = FetchSummary(client_, options.run, options.epochs);
    if (!summary.ok()) return summary.status();
    return RecordedModel{*std::move(model), *summary};
  }

  // Returns what the names of all runs begin with.
  const std::string& runs() const { return runs_; }

 private:
  const Client& client_;
  const Dataset& dataset_;
  const TrainingOptions& options_;
  // The server may have runs of this program already.
  const std::string runs_ = absl::StrCat("demo/", NewRequestId().substr(0, 8), "/");
};

// The results of the training runs, in the order of the line-up.
struct Results {
  std::vector<TrainedModel> models;
  std::vector<NamedSummary> losses;
  std::vector<RateSummary> rates;  // of cross entropy
};

absl::StatusOr<Results> TrainAll(const Demo& demo, const std::vector<NamedLoss>& losses,
                                 double learning_rate) {
  Results results;
  const auto add_rate = [&](double rate, const RecordedModel& recorded) {
    results.rates.push_back({rate, recorded.summary, Accuracy(recorded.model.test_statistics)});
  };
  for (const NamedLoss& loss : losses) {
    absl::StatusOr<RecordedModel> recorded = demo.TrainWith(loss, learning_rate);
    if (!recorded.ok()) return recorded.status();
    if (results.models.empty()) add_rate(learning_rate, *recorded);
    results.losses.push_back({loss.name, recorded->summary});
    results.models.push_back(std::move(recorded->model));
  }
  const NamedLoss& plain = losses[kCrossEntropy];
  for (const double rate : {10 * learning_rate, 100 * learning_rate}) {
    const auto recorded =
        demo.TrainWith({absl::StrCat(plain.name, " at ", rate), plain.loss}, rate);
    if (!recorded.ok()) return recorded.status();
    add_rate(rate, *recorded);
  }
  return results;
}

absl::Status Run(const Flags& flags) {
  const absl::StatusOr<Client> client = Client::Create({flags.address});
  if (!client.ok()) return client.status();
  const absl::StatusOr<Dataset> dataset = LoadShuttle(flags.data, kTestSize);
  if (!dataset.ok()) return dataset.status();
  const absl::StatusOr<ClassWeightsResult> classes = CountClasses(*client, dataset->train);
  if (!classes.ok()) return classes.status();
  const Demo demo(*client, *dataset, flags.training);
  std::cout << "Statlog (Shuttle): " << dataset->train.size() << " training rows, "
            << dataset->test.size() << " test rows, " << kFeatureCount << " features, "
            << kClassCount << " classes. A network 9-32-7, losses and gradients from lossd at "
            << flags.address << ",\nwhich records the runs " << demo.runs() << "*.\n\n";

  const std::vector<NamedLoss> losses = Lineup(classes->counts);
  const absl::StatusOr<Results> results = TrainAll(demo, losses, flags.training.learning_rate);
  if (!results.ok()) return results.status();
  const std::vector<TrainedModel>& models = results->models;
  const std::vector<size_t> rare = RareClasses(classes->frequencies);
  std::cout << "\n" << RecallReport(models, rare);
  for (const size_t index : {kCrossEntropy, kSquaredError}) {
    const absl::StatusOr<CompareResult> comparison =
        CompareOnTest(*client, models[index], dataset->test, losses);
    if (!comparison.ok()) return comparison.status();
    std::cout << "\n" << ComparisonReport(models[index].name, losses, *comparison, rare);
  }
  std::cout << "\n" << LossesReport(results->losses);
  std::cout << "\n" << LearningRateReport(results->rates, flags.training.epochs);
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
