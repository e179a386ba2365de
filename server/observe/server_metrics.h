#ifndef LOSSD_SERVER_OBSERVE_SERVER_METRICS_H_
#define LOSSD_SERVER_OBSERVE_SERVER_METRICS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "prometheus/collectable.h"

namespace lossd::observe {

// What does not change while the server runs.
struct ServerFacts {
  std::string version;
  std::string instruction_set;
  absl::Time start_time;
  int threads = 0;  // that compute
  int64_t max_in_flight_bytes = 0;
};

// The state of the server at one moment, and what it has counted until then.
struct ServerState {
  bool serving = false;
  int64_t in_flight_bytes = 0;
  uint64_t waiting_messages = 0;
  uint64_t connections = 0;
  uint64_t refused_connections = 0;
  uint64_t refused_compressed_requests = 0;
  uint64_t dropped_log_entries = 0;
  int64_t runs = 0;
  int64_t runs_bytes = 0;
  uint64_t dropped_runs = 0;
  uint64_t unrecorded_batches = 0;
  int64_t resident_bytes = 0;
};

// Shows the server and its process to Prometheus.
class ServerMetrics final : public prometheus::Collectable {
 public:
  // `look` returns the state of now, on any thread.
  ServerMetrics(ServerFacts facts, std::function<ServerState()> look)
      : facts_(std::move(facts)), look_(std::move(look)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const ServerFacts facts_;
  const std::function<ServerState()> look_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_SERVER_METRICS_H_
