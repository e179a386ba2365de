#ifndef LOSSD_SERVER_OBSERVE_COUNTER_FAMILY_H_
#define LOSSD_SERVER_OBSERVE_COUNTER_FAMILY_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "prometheus/metric_family.h"
#include "server/observe/labels.h"
#include "server/observe/metric_table.h"
#include "server/observe/sharded_counters.h"

namespace lossd::observe {

// A counter for each series of a metric. Thread-safe; adding never waits.
class CounterFamily {
 public:
  // `metric` must outlive this.
  explicit CounterFamily(const Metric& metric, Labels labels = {})
      : metric_(metric), labels_(std::move(labels)), counters_(labels_.SeriesCount()) {}

  const Labels& labels() const { return labels_; }

  void Add(size_t series, uint64_t amount = 1) { counters_.Add(series, amount); }

  prometheus::MetricFamily Collect() const;

 private:
  const Metric& metric_;
  const Labels labels_;
  ShardedCounters counters_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_COUNTER_FAMILY_H_
