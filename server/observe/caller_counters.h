#ifndef LOSSD_SERVER_OBSERVE_CALLER_COUNTERS_H_
#define LOSSD_SERVER_OBSERVE_CALLER_COUNTERS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "prometheus/collectable.h"
#include "server/observe/metric_table.h"
#include "server/observe/sharded_counters.h"
#include "server/rpc/call_filter.h"

namespace lossd::observe {

// Counts what each caller takes, for Prometheus. Thread-safe; adding never waits.
class CallerCounters final : public prometheus::Collectable {
 public:
  // The names beyond these are one, "(other)", which no name is.
  static constexpr size_t kMostNames = 1000;

  // `names` returns the names of callers by their numbers, from 1 on; there are never less. Called
  // on any thread.
  explicit CallerCounters(std::function<std::vector<std::string>()> names);

  void AddCall(const rpc::Caller& caller);
  void AddMessage(const rpc::Caller& caller, const rpc::CallCosts& costs);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // The numbers of a caller, side by side.
  enum Number : size_t { kCalls, kMessages, kRequestBytes, kComputeNanoseconds, kNumbers };

  void Add(const rpc::Caller& caller, Number number, int64_t amount);
  prometheus::MetricFamily Family(const Metric& metric, Number number, double unit,
                                  const std::vector<std::string>& names) const;

  const std::function<std::vector<std::string>()> names_;
  ShardedCounters counters_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_CALLER_COUNTERS_H_
