#ifndef LOSSD_SERVER_OBSERVE_CALL_METRICS_H_
#define LOSSD_SERVER_OBSERVE_CALL_METRICS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "prometheus/collectable.h"
#include "server/observe/caller_counters.h"
#include "server/observe/counter_family.h"
#include "server/observe/histogram_family.h"
#include "server/observe/labels.h"
#include "server/rpc/call_filter.h"

namespace lossd::observe {

// The values that labels may have, beside "other".
struct KnownValues {
  struct Method {
    std::string name;  // in full, such as "lossd.v1.LossService/Compute"
    bool is_stream = false;
  };
  std::vector<Method> methods;
  std::vector<std::string> losses;
  std::vector<std::string> data_types;  // of logits
};

// Counts and times calls, and the messages of streams, for Prometheus. Takes about 150 ns of a
// call.
class CallMetrics final : public rpc::CallFilter, public prometheus::Collectable {
 public:
  // Counts in `callers`, which outlives this, what each caller takes; null for nobody.
  explicit CallMetrics(const KnownValues& known, CallerCounters* callers = nullptr);

  absl::Status Arrived(const rpc::CallInfo& call) override;
  void MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                       const rpc::CallCosts& costs, const rpc::CallNotes& notes) override;
  void Ended(const rpc::CallInfo& call, const absl::Status& status,
             const rpc::CallCosts& costs) override;
  bool WantsTimes() const override { return true; }
  bool WantsNotes() const override { return true; }

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  bool IsStream(size_t method) const { return method < is_stream_.size() && is_stream_[method]; }
  void AddMessage(size_t method, const absl::Status& status, const rpc::CallCosts& costs,
                  const rpc::CallNotes& notes, const rpc::Caller* caller);
  void AddBatch(const rpc::CallNotes& notes);
  void AddRefusal(const absl::Status& status);

  CallerCounters* const callers_;
  const Label method_;
  const Label loss_;
  const Label data_type_;
  const Label reason_;
  const std::vector<bool> is_stream_;  // of each known method

  CounterFamily started_;
  HistogramFamily duration_;
  HistogramFamily received_;
  HistogramFamily sent_;
  CounterFamily messages_;
  HistogramFamily request_bytes_;
  HistogramFamily response_bytes_;
  HistogramFamily queued_;
  HistogramFamily computing_;
  CounterFamily batches_;
  CounterFamily rows_;
  CounterFamily non_finite_;
  CounterFamily refused_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_CALL_METRICS_H_
