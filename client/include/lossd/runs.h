#ifndef LOSSD_RUNS_H_
#define LOSSD_RUNS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lossd {

// What is known of training runs. proto/lossd/v1/runs.proto defines each number, with its paper.

// One sample of a run, over all of its presentations.
struct RunSample {
  int64_t id = 0;
  int64_t label = 0;  // the last one; sigmoid: 1 if the target was ≥ ½, else 0
  int64_t presentations = 0;
  double mean_true_probability = 0.0;       // of p_t: confidence
  double true_probability_deviation = 0.0;  // of p_t, as a population: variability
  double mean_loss = 0.0;                   // of ℓ, without sample weights
  double mean_margin = 0.0;                 // the area under the margin
  double correctness = 0.0;                 // the share of presentations that were correct
  int64_t forgetting_events = 0;            // presentations not correct after one that was
  std::optional<int64_t> learned_at;        // the number of the first correct one, from 1
  int64_t turned_easy = 0;                  // times that p_t came to the hard threshold
  int64_t turned_hard = 0;                  // times that it fell below
  double last_true_probability = 0.0;
  int64_t last_step = 0;
  int64_t class_id = 0;  // the label; sigmoid over [N, C]: the column
};

// Some steps of a run's curve. Vectors by class have an entry for each of `class_ids`.
struct RunPoint {
  int64_t first_step = 0;
  int64_t last_step = 0;
  int64_t epoch = 0;
  int64_t presentations = 0;
  double mean_loss = 0.0;
  int64_t hard_count = 0;
  int64_t turned_easy = 0;
  int64_t turned_hard = 0;
  int64_t forgotten = 0;
  std::optional<double> learning_rate;
  std::vector<int64_t> class_ids;  // with more than 64: the 63 lowest, then −1 for all others
  std::vector<double> class_loss_share;
  std::vector<double> class_gradient_share;
  std::vector<int64_t> class_hard_count;
};

struct Run {
  // Of the map: equal parts of [0, 1] for the mean of p_t, and of [0, ½] for its deviation.
  static constexpr size_t kMapSide = 20;

  std::string name;
  absl::Time create_time;
  absl::Time update_time;
  int64_t first_step = 0;
  int64_t last_step = 0;
  int64_t sample_count = 0;
  int64_t presentation_count = 0;
  double hard_threshold = 0.0;
  std::vector<RunPoint> points;               // by step; none in a list of runs
  std::vector<int64_t> map;                   // kMapSide rows, by the mean, of kMapSide counts
  std::vector<int64_t> forgetting_histogram;  // learned samples forgotten 0, 1, …, 9, ≥ 10 times
  std::vector<std::string> findings;          // sentences that the numbers support; none in a list
  int64_t non_finite_count = 0;
  int64_t never_learned_count = 0;
};

// The order of samples in a list; equal ones by their ids.
enum class SampleOrder {
  kHardest,        // the lowest mean p_t first
  kEasiest,        // the highest
  kMostForgotten,  // the most forgetting events
  kMostVariable,   // the largest deviation of p_t
  kLowestMargin,
  kMostTurned,  // the most turns, to easy and to hard
};

// Which runs, or samples, a list has.
struct PageOptions {
  // The most entries of a page. 0: 100.
  int32_t size = 0;

  // The page before's `next_page_token`; empty for the first page.
  std::string token = {};
};

struct RunSampleOptions {
  SampleOrder order = SampleOrder::kHardest;

  // Samples of this class alone. Unset: all.
  std::optional<int64_t> class_id = std::nullopt;

  PageOptions page = {};
};

struct RunPage {
  std::vector<Run> runs;
  std::string next_page_token;  // empty on the last page
};

// While a run goes on samples move: over two pages, one may be missed or come twice.
struct RunSamplePage {
  std::vector<RunSample> samples;
  std::string next_page_token;  // empty on the last page
};

}  // namespace lossd

#endif  // LOSSD_RUNS_H_
