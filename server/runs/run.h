#ifndef LOSSD_SERVER_RUNS_RUN_H_
#define LOSSD_SERVER_RUNS_RUN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lossd::runs {

// What is known of a sample, over all of its presentations whose numbers were finite.
struct RunSample {
  int64_t id = 0;
  int64_t label = 0;  // of the last presentation
  int64_t presentations = 0;
  double mean_true_probability = 0;
  double true_probability_deviation = 0;  // of the population
  double mean_loss = 0;
  double mean_margin = 0;
  double correctness = 0;  // the share of presentations that were correct
  int64_t forgetting_events = 0;
  std::optional<int64_t> learned_at;  // the presentation, from 1, that was the first correct one
  int64_t turned_easy = 0;
  int64_t turned_hard = 0;
  double last_true_probability = 0;
  int64_t last_step = 0;
  int64_t class_id = 0;  // of the last presentation
};

// The share that a class has in a point of the curve. Shares of a total that is 0 or not finite are
// 0.
struct ClassShare {
  int64_t class_id = 0;  // −1: the classes that have no entry of their own
  double loss_share = 0;
  double gradient_share = 0;
  int64_t hard_count = 0;
};

// The presentations of some steps.
struct RunPoint {
  int64_t first_step = 0;
  int64_t last_step = 0;
  int64_t epoch = 0;  // the largest
  int64_t presentations = 0;
  double mean_loss = 0;
  int64_t hard_count = 0;
  int64_t turned_easy = 0;
  int64_t turned_hard = 0;
  int64_t forgotten = 0;
  std::optional<double> learning_rate;  // of the last step that has one
  std::vector<ClassShare> classes;      // ascending, and then the rest
};

// The cartography map (Swayamdipta et al. 2020, arXiv:2009.10795): samples counted by the mean of
// p_t, in [0, 1], and by its deviation, in [0, ½], row by row of the mean.
inline constexpr int kMapSide = 20;
using CartographyMap = std::array<int64_t, size_t{kMapSide} * kMapSide>;

// Samples that were learned, counted by their forgetting events: 0, 1, ..., 9, and 10 or more.
using ForgettingHistogram = std::array<int64_t, 11>;

// Tells a run that has changed from one that has not.
struct RunVersion {
  absl::Time create_time;
  int64_t batches = 0;  // that were recorded

  friend bool operator==(const RunVersion& a, const RunVersion& b) {
    return a.create_time == b.create_time && a.batches == b.batches;
  }
};

// What is known of a training run.
struct Run {
  std::string name;
  std::string owner;  // as RunBatch has it
  absl::Time create_time;
  absl::Time update_time;
  int64_t first_step = 0;
  int64_t last_step = 0;
  int64_t sample_count = 0;
  int64_t presentation_count = 0;
  int64_t non_finite_count = 0;
  int64_t never_learned_count = 0;
  double hard_threshold = 0;
  CartographyMap map = {};
  ForgettingHistogram forgetting = {};
  std::vector<RunPoint> points;
  std::vector<std::string> findings;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_RUN_H_
