#ifndef LOSSD_SERVER_RUNS_SAMPLE_ORDER_H_
#define LOSSD_SERVER_RUNS_SAMPLE_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/runs/run.h"
#include "server/runs/sample_record.h"

namespace lossd::runs {

enum class SampleOrder {
  kHardest,        // the lowest mean of p_t
  kEasiest,        // the highest
  kMostForgotten,  // the most forgetting events
  kMostVariable,   // the largest deviation of p_t
  kLowestMargin,   // the lowest mean margin
  kMostTurned,     // the most turns, to easy and to hard
};

// A place in an order: samples come by their key, the lowest first, and then by their id.
struct SamplePlace {
  double key = 0;
  int64_t id = 0;

  friend bool operator<(const SamplePlace& a, const SamplePlace& b) {
    return a.key != b.key ? a.key < b.key : a.id < b.id;
  }
};

// The samples that are asked for.
struct SampleQuery {
  SampleOrder order = SampleOrder::kHardest;
  std::optional<int64_t> class_id = {};
  // Those behind this place; unset: from the first on.
  std::optional<SamplePlace> after = {};
  int64_t limit = 0;  // ≥ 1
};

struct SamplePage {
  std::vector<RunSample> samples;
  std::optional<SamplePlace> next;  // of the last sample, if there are more
};

// Selects the first samples of a query out of records that are shown to it in any order.
class SampleSelection {
 public:
  explicit SampleSelection(const SampleQuery& query);

  void Show(const SampleRecord& record);
  SamplePage TakePage();

 private:
  struct Candidate {
    SamplePlace place;
    SampleRecord record;

    friend bool operator<(const Candidate& a, const Candidate& b) { return a.place < b.place; }
  };

  void KeepFirst();

  const SampleQuery query_;
  const size_t most_;                // one more than asked for: it tells that there are more
  std::optional<SamplePlace> last_;  // places behind it are not among the first
  std::vector<Candidate> candidates_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SAMPLE_ORDER_H_
