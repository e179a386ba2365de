#ifndef LOSSD_SERVER_RUNS_CLASS_TALLIES_H_
#define LOSSD_SERVER_RUNS_CLASS_TALLIES_H_

#include <cstdint>
#include <vector>

#include "server/runs/byte_reader.h"
#include "server/runs/byte_writer.h"
#include "server/runs/run.h"

namespace lossd::runs {

// What the samples of a class add up to.
struct ClassTally {
  double loss = 0;
  double gradient = 0;
  int64_t hard_count = 0;

  ClassTally& operator+=(const ClassTally& other) {
    loss += other.loss;
    gradient += other.gradient;
    hard_count += other.hard_count;
    return *this;
  }
};

// The tallies of the classes that are present. Of many classes the lowest have their own, and the
// others one together, whatever the order in which they come.
class ClassTallies {
 public:
  // Of so many classes each has its own tally; of more, one less have.
  static constexpr int64_t kMostTallies = 64;

  explicit ClassTallies(int64_t class_count);

  void Add(int64_t class_id, const ClassTally& tally);
  void Merge(const ClassTallies& other);

  // Returns the shares, ascending by class, and then the rest if there is one.
  std::vector<ClassShare> Shares() const;

  void AppendTo(ByteWriter& writer) const;
  // Reads in place of what is there. Returns false where the bytes are no tallies of as many
  // classes.
  bool ReadFrom(ByteReader& reader);

  // Returns what the tallies of `class_count` classes take.
  static int64_t BytesOf(int64_t class_count);

 private:
  struct Entry {
    int64_t class_id;
    ClassTally tally;
  };

  static int64_t MostEntries(int64_t class_count);

  size_t most_entries_;
  std::vector<Entry> entries_;  // ascending
  ClassTally rest_;
  bool has_rest_ = false;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_CLASS_TALLIES_H_
