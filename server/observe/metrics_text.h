#ifndef LOSSD_SERVER_OBSERVE_METRICS_TEXT_H_
#define LOSSD_SERVER_OBSERVE_METRICS_TEXT_H_

#include <string>
#include <vector>

#include "prometheus/collectable.h"
#include "server/threads/mutex.h"

namespace lossd::observe {

// The Content-Type of Prometheus's text format.
inline constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

// Writes metrics as Prometheus reads them. Thread-safe; one text is made at a time, so that those
// who ask take no more than one CPU from the calls.
class MetricsText {
 public:
  // The sources must outlive this.
  explicit MetricsText(std::vector<const prometheus::Collectable*> sources);

  std::string Make() const;

 private:
  const std::vector<const prometheus::Collectable*> sources_;
  mutable Mutex mutex_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_METRICS_TEXT_H_
