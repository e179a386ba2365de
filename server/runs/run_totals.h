#ifndef LOSSD_SERVER_RUNS_RUN_TOTALS_H_
#define LOSSD_SERVER_RUNS_RUN_TOTALS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "server/runs/batch_tally.h"
#include "server/runs/byte_reader.h"
#include "server/runs/byte_writer.h"
#include "server/runs/presentation.h"
#include "server/runs/run.h"
#include "server/runs/run_curve.h"
#include "server/runs/sample_record.h"

namespace lossd::runs {

// What the batches of a run add up to, but for the records of its samples, which others keep.
class RunTotals {
 public:
  RunTotals(int64_t class_count, double hard_threshold);

  // Takes memory for a batch of `step`.
  void Reserve(int64_t step) { curve_.Reserve(step); }

  // Adds a presentation to its sample's record, and counts the sample anew where it is counted.
  Turn Present(const Presentation& presentation, int64_t step, SampleRecord& record) {
    const int64_t before = record.presentations() > 0 ? 1 : 0;
    sample_count_ += 1 - before;
    Count(record, -before);
    const Turn turn = record.Add(presentation, step, hard_threshold_);
    Count(record, 1);
    return turn;
  }

  // Adds a batch, when its presentations were added. Memory must have been reserved for it.
  void AddBatch(int64_t step, std::optional<double> learning_rate, int64_t non_finite,
                BatchTally& tally);

  int64_t class_count() const { return class_count_; }
  double hard_threshold() const { return hard_threshold_; }
  int64_t batch_count() const { return batch_count_; }
  int64_t sample_count() const { return sample_count_; }

  // Returns all of a run but its name, its owner, its times, points and findings.
  Run Summary() const;
  std::vector<RunPoint> Points(int64_t most_points) const { return curve_.Points(most_points); }

  void AppendTo(ByteWriter& writer) const;
  // Reads in place of what is there. Returns false where the bytes are no totals of as many
  // classes.
  bool ReadFrom(ByteReader& reader);
  // Reads only what Summary() returns, which is in the first kSummaryBytes.
  bool ReadSummaryFrom(ByteReader& reader);
  static constexpr size_t kSummaryBytes =
      sizeof(int64_t) * 7 + sizeof(CartographyMap) + sizeof(ForgettingHistogram);

  int64_t bytes() const { return curve_.bytes(); }
  // Returns what one batch more may take.
  int64_t BytesOfBatch() const { return curve_.BytesOfBin(); }

 private:
  // Samples are counted by their forgetting events, and behind those that were learned the others.
  // No CPU foresees which they are: they are counted without branches.
  static constexpr size_t kLearnedPlaces = std::tuple_size_v<ForgettingHistogram>;

  void Count(const SampleRecord& record, int64_t change) {
    map_[static_cast<size_t>(record.cell())] += change;
    const auto events = static_cast<size_t>(record.forgetting_events());
    const size_t place = std::min(events, kLearnedPlaces - 1);
    forgetting_[record.learned() ? place : kLearnedPlaces] += change;
  }
  int64_t never_learned_count() const { return forgetting_[kLearnedPlaces]; }

  int64_t class_count_;
  double hard_threshold_;
  RunCurve curve_;
  int64_t batch_count_ = 0;
  int64_t first_step_ = 0;
  int64_t last_step_ = 0;
  int64_t sample_count_ = 0;
  int64_t presentation_count_ = 0;
  int64_t non_finite_count_ = 0;
  CartographyMap map_ = {};
  std::array<int64_t, kLearnedPlaces + 1> forgetting_ = {};
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_RUN_TOTALS_H_
