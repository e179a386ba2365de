#ifndef LOSSD_SERVER_OBSERVE_LABELS_H_
#define LOSSD_SERVER_OBSERVE_LABELS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "prometheus/client_metric.h"

namespace lossd::observe {

// A label and the values that it may have: those that are known when the server starts, and
// "other", so that no client can make more.
class Label {
 public:
  Label(std::string name, std::vector<std::string> known);

  // Returns the index of a value, that of "other" for one that is not known.
  size_t IndexOf(absl::string_view value) const;
  size_t other() const { return values_.size() - 1; }
  size_t count() const { return values_.size(); }

  prometheus::ClientMetric::Label At(size_t index) const { return {name_, values_[index]}; }

 private:
  std::string name_;
  std::vector<std::string> values_;  // "other" is the last one
  absl::flat_hash_map<std::string, size_t> indexes_;
};

// The labels of a metric: none, one or two. A series is a value of each.
class Labels {
 public:
  Labels() = default;
  explicit Labels(Label first) : labels_{std::move(first)} {}
  Labels(Label first, Label second) : labels_{std::move(first), std::move(second)} {}

  size_t SeriesCount() const;
  // Returns the series of a value of each, by their indexes.
  size_t Series(size_t first, size_t second) const { return first * labels_[1].count() + second; }

  std::vector<prometheus::ClientMetric::Label> Of(size_t series) const;

  // Returns true for a series that is shown though nothing has happened: a rate needs its 0. With
  // two labels those would be many, most of which never happen.
  bool IsShownAtZero(size_t series) const;

 private:
  std::vector<Label> labels_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_LABELS_H_
