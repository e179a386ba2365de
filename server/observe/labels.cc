#include "server/observe/labels.h"

#include <utility>

namespace lossd::observe {

Label::Label(std::string name, std::vector<std::string> known)
    : name_(std::move(name)), values_(std::move(known)) {
  for (size_t i = 0; i < values_.size(); ++i) indexes_[values_[i]] = i;
  values_.emplace_back("other");
}

size_t Label::IndexOf(absl::string_view value) const {
  const auto found = indexes_.find(value);
  return found == indexes_.end() ? other() : found->second;
}

size_t Labels::SeriesCount() const {
  size_t count = 1;
  for (const Label& label : labels_) count *= label.count();
  return count;
}

std::vector<prometheus::ClientMetric::Label> Labels::Of(size_t series) const {
  if (labels_.empty()) return {};
  if (labels_.size() == 1) return {labels_[0].At(series)};
  const size_t of_second = labels_[1].count();
  return {labels_[0].At(series / of_second), labels_[1].At(series % of_second)};
}

bool Labels::IsShownAtZero(size_t series) const {
  return labels_.empty() || (labels_.size() == 1 && series != labels_[0].other());
}

}  // namespace lossd::observe
