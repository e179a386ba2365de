#include "server/observe/metrics_text.h"

#include <iterator>
#include <utility>

#include "prometheus/text_serializer.h"

namespace lossd::observe {

MetricsText::MetricsText(std::vector<const prometheus::Collectable*> sources)
    : sources_(std::move(sources)) {}

std::string MetricsText::Make() const {
  const MutexLock lock(&mutex_);
  std::vector<prometheus::MetricFamily> families;
  for (const prometheus::Collectable* source : sources_) {
    std::vector<prometheus::MetricFamily> more = source->Collect();
    families.insert(families.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
  }
  const prometheus::Serializer& serializer = prometheus::TextSerializer();
  return serializer.Serialize(families);
}

}  // namespace lossd::observe
