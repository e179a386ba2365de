#include "server/observe/counter_family.h"

namespace lossd::observe {

prometheus::MetricFamily CounterFamily::Collect() const {
  prometheus::MetricFamily family = FamilyOf(metric_);
  for (size_t series = 0; series < labels_.SeriesCount(); ++series) {
    const uint64_t count = counters_.Read(series);
    if (count == 0 && !labels_.IsShownAtZero(series)) continue;
    prometheus::ClientMetric& shown = family.metric.emplace_back();
    shown.label = labels_.Of(series);
    shown.counter.value = static_cast<double>(count);
  }
  return family;
}

}  // namespace lossd::observe
