#include "server/observe/server_metrics.h"

#include <sys/resource.h>

#include "server/observe/metric_table.h"

namespace lossd::observe {
namespace {

// Returns a metric of one series without labels.
template <typename Number>
prometheus::MetricFamily Single(const Metric& metric, Number value) {
  prometheus::MetricFamily family = FamilyOf(metric);
  prometheus::ClientMetric& shown = family.metric.emplace_back();
  if (metric.type == prometheus::MetricType::Counter) {
    shown.counter.value = static_cast<double>(value);
  } else {
    shown.gauge.value = static_cast<double>(value);
  }
  return family;
}

prometheus::MetricFamily BuildInfo(const ServerFacts& facts) {
  prometheus::MetricFamily family = Single(metrics::kBuildInfo, 1);
  family.metric[0].label = {{"version", facts.version}, {"instruction_set", facts.instruction_set}};
  return family;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

}  // namespace

std::vector<prometheus::MetricFamily> ServerMetrics::Collect() const {
  const ServerState state = look_();
  return {
      Single(metrics::kServing, state.serving ? 1 : 0),
      Single(metrics::kInFlightBytes, state.in_flight_bytes),
      Single(metrics::kMaxInFlightBytes, facts_.max_in_flight_bytes),
      Single(metrics::kWaitingMessages, state.waiting_messages),
      Single(metrics::kConnections, state.connections),
      Single(metrics::kRefusedConnections, state.refused_connections),
      Single(metrics::kRefusedCompressed, state.refused_compressed_requests),
      Single(metrics::kDroppedLogEntries, state.dropped_log_entries),
      Single(metrics::kRuns, state.runs),
      Single(metrics::kRunsBytes, state.runs_bytes),
      Single(metrics::kDroppedRuns, state.dropped_runs),
      Single(metrics::kUnrecordedBatches, state.unrecorded_batches),
      Single(metrics::kThreads, facts_.threads),
      BuildInfo(facts_),
      Single(metrics::kStartTime, absl::ToDoubleSeconds(facts_.start_time - absl::UnixEpoch())),
      Single(metrics::kCpuTime, CpuSeconds()),
      Single(metrics::kResidentMemory, state.resident_bytes),
  };
}

}  // namespace lossd::observe
