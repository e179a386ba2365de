#ifndef LOSSD_SERVER_RUNS_BATCH_TALLY_H_
#define LOSSD_SERVER_RUNS_BATCH_TALLY_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/runs/byte_reader.h"
#include "server/runs/byte_writer.h"
#include "server/runs/class_tallies.h"
#include "server/runs/presentation.h"

namespace lossd::runs {

// What the presentations of some batches add up to.
struct TurnTally {
  int64_t presentations = 0;
  double mean_loss = 0;
  int64_t hard_count = 0;
  int64_t turned_easy = 0;
  int64_t turned_hard = 0;
  int64_t forgotten = 0;
  int64_t epoch = 0;  // the largest

  void Merge(const TurnTally& other);

  void AppendTo(ByteWriter& writer) const;
  static TurnTally Read(ByteReader& reader);
};

// Adds up the presentations of one batch.
class BatchTally {
 public:
  explicit BatchTally(int64_t class_count);

  // Adds a presentation of `epoch`.
  void Add(const Presentation& presentation, const Turn& turn, double hard_threshold,
           int64_t epoch);

  const TurnTally& turns() const { return turns_; }
  // Returns the classes' tallies.
  ClassTallies TakeClasses();

 private:
  // Classes up to here are added to an array, which takes less time than to look for them.
  static constexpr int64_t kMostInArray = 1024;

  TurnTally turns_;
  struct ArrayEntry {
    ClassTally tally;
    bool present = false;
  };
  std::vector<ArrayEntry> array_;
  ClassTallies classes_;
};

inline void BatchTally::Add(const Presentation& presentation, const Turn& turn,
                            double hard_threshold, int64_t epoch) {
  const bool is_hard = presentation.true_probability < hard_threshold;
  ++turns_.presentations;
  const double part = 1 / static_cast<double>(turns_.presentations);
  turns_.mean_loss += presentation.loss * part - turns_.mean_loss * part;
  turns_.hard_count += is_hard ? 1 : 0;
  turns_.turned_easy += turn.easy ? 1 : 0;
  turns_.turned_hard += turn.hard ? 1 : 0;
  turns_.forgotten += turn.forgotten ? 1 : 0;
  turns_.epoch = std::max(turns_.epoch, epoch);

  const double gradient = std::isfinite(presentation.gradient_l1) ? presentation.gradient_l1 : 0;
  const ClassTally tally = {presentation.loss, gradient, is_hard ? 1 : 0};
  if (array_.empty()) {
    classes_.Add(presentation.class_id, tally);
    return;
  }
  ArrayEntry& entry = array_[static_cast<size_t>(presentation.class_id)];
  entry.tally += tally;
  entry.present = true;
}

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_BATCH_TALLY_H_
