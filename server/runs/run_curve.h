#ifndef LOSSD_SERVER_RUNS_RUN_CURVE_H_
#define LOSSD_SERVER_RUNS_RUN_CURVE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "server/runs/batch_tally.h"
#include "server/runs/byte_reader.h"
#include "server/runs/byte_writer.h"
#include "server/runs/class_tallies.h"
#include "server/runs/run.h"

namespace lossd::runs {

// The curve of a run: what was presented, by step. Its points are bins of 2^k steps, aligned at 0,
// with the least k that gives at most kMostPoints. Bins without a batch are no points.
class RunCurve {
 public:
  static constexpr int64_t kMostPoints = 512;

  explicit RunCurve(int64_t class_count) : class_count_(class_count) {}

  // Takes memory for a batch of `step`, which is ≥ 0.
  void Reserve(int64_t step);
  // Adds a batch. Memory must have been reserved for its step; none is taken.
  void Add(int64_t step, std::optional<double> learning_rate, const TurnTally& turns,
           const ClassTallies& classes);

  // Returns the points by step, `most_points` at most: merged in the same way when there are more.
  std::vector<RunPoint> Points(int64_t most_points) const;

  void AppendTo(ByteWriter& writer) const;
  // Reads in place of what is there. Returns false where the bytes are no curve of as many classes.
  bool ReadFrom(ByteReader& reader);

  int64_t bytes() const { return static_cast<int64_t>(bins_.size()) * BytesOfBin(); }
  // Returns what a further bin takes.
  int64_t BytesOfBin() const;

 private:
  struct Bin {
    explicit Bin(int64_t class_count) : classes(class_count) {}

    int64_t first_step = 0;
    int64_t last_step = 0;
    bool has_steps = false;  // it was not only reserved
    std::optional<double> learning_rate;
    int64_t learning_rate_step = 0;
    TurnTally turns;
    ClassTallies classes;

    void Merge(const Bin& other);
    void AppendTo(ByteWriter& writer) const;
    bool ReadFrom(ByteReader& reader);
  };
  using Bins = std::map<int64_t, Bin>;  // by step / 2^k

  // Doubles the steps of a bin until there are at most `most`. Returns the new k.
  static int Merge(Bins& bins, int log2_steps, int64_t most);

  int64_t class_count_;
  int log2_steps_ = 0;  // k
  Bins bins_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_RUN_CURVE_H_
