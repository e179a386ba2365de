#ifndef LOSSD_SERVER_RUNS_SAMPLE_RECORD_H_
#define LOSSD_SERVER_RUNS_SAMPLE_RECORD_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/runs/presentation.h"
#include "server/runs/run.h"

namespace lossd::runs {

// All that is kept of a sample, however often it is presented: 88 bytes, of which ten million fit
// in a gigabyte.
class SampleRecord {
 public:
  explicit SampleRecord(int64_t id) : id_(id) {}
  SampleRecord() = default;

  // Adds a presentation, which must be finite. Returns what happened since the one before it.
  // Beyond kMostPresentations it changes nothing.
  Turn Add(const Presentation& presentation, int64_t step, double hard_threshold);

  int64_t id() const { return id_; }
  int64_t class_id() const { return class_id_; }
  int64_t presentations() const { return presentations_; }
  bool learned() const { return learned_at_ > 0; }
  int64_t forgetting_events() const { return forgetting_events_; }
  int64_t turns() const { return int64_t{turned_easy_} + turned_hard_; }
  double mean_true_probability() const { return mean_true_probability_; }
  double true_probability_deviation() const;
  double mean_margin() const { return mean_margin_; }

  // Returns the sample's cell of the cartography map.
  int cell() const { return cell_; }

  RunSample ToSample() const;

  // Writes the record to kBytes bytes, which are the same on every little-endian machine.
  void CopyTo(char* bytes) const;
  // Reads the record of kBytes bytes. Returns false where they are none.
  bool ReadFrom(absl::string_view bytes);
  static constexpr size_t kBytes = 88;

  static constexpr int64_t kMostPresentations = UINT32_MAX;

 private:
  int64_t id_ = 0;
  // Means, and the sum of squared distances from the mean, by Welford's update (1962), which loses
  // no digits where p_t hardly varies.
  double mean_true_probability_ = 0;
  double squared_distances_ = 0;
  double mean_loss_ = 0;
  double mean_margin_ = 0;
  double last_true_probability_ = 0;
  int64_t last_step_ = 0;
  uint32_t presentations_ = 0;
  uint32_t correct_ = 0;
  uint32_t forgetting_events_ = 0;
  uint32_t learned_at_ = 0;  // the number of the presentation; 0: never
  uint32_t turned_easy_ = 0;
  uint32_t turned_hard_ = 0;
  int32_t class_id_ = 0;
  uint16_t cell_ = 0;
  bool was_correct_ = false;
  // 0 and 1 are a sigmoid's labels; kLabelIsClass is softmax's.
  uint8_t label_ = 0;
};

static_assert(sizeof(SampleRecord) == SampleRecord::kBytes);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SAMPLE_RECORD_H_
