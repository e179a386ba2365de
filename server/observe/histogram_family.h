#ifndef LOSSD_SERVER_OBSERVE_HISTOGRAM_FAMILY_H_
#define LOSSD_SERVER_OBSERVE_HISTOGRAM_FAMILY_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "prometheus/metric_family.h"
#include "server/observe/labels.h"
#include "server/observe/metric_table.h"
#include "server/observe/sharded_counters.h"

namespace lossd::observe {

// The buckets of a histogram. Values are whole numbers.
struct Buckets {
  absl::Span<const uint64_t> bounds;  // ascending; a value that equals one is in its bucket
  uint64_t of_unit = 1;  // so many make one of what is shown, such as 10⁹ ns a second
};

// The buckets that gRPC's proposal A66 has for times, in nanoseconds, and for sizes in bytes.
extern const Buckets kTimeBuckets;
extern const Buckets kSizeBuckets;

// A histogram for each series of a metric. Thread-safe; adding never waits.
class HistogramFamily {
 public:
  // The arguments but `labels` must outlive this.
  HistogramFamily(const Metric& metric, const Buckets& buckets, Labels labels);

  const Labels& labels() const { return labels_; }

  void Add(size_t series, uint64_t value);

  prometheus::MetricFamily Collect() const;

 private:
  // Of a series there are the counts of its buckets, that of what is above all bounds, and the sum.
  size_t NumbersOfSeries() const { return buckets_.bounds.size() + 2; }
  prometheus::ClientMetric::Histogram Histogram(size_t series) const;

  const Metric& metric_;
  const Buckets buckets_;
  const Labels labels_;
  ShardedCounters numbers_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_HISTOGRAM_FAMILY_H_
