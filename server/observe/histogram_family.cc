#include "server/observe/histogram_family.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lossd::observe {
namespace {

constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kMillisecond = 1000 * kMicrosecond;
constexpr uint64_t kSecond = 1000 * kMillisecond;

constexpr std::array kTimeBounds = {
    uint64_t{0},        10 * kMicrosecond,  50 * kMicrosecond,  100 * kMicrosecond,
    300 * kMicrosecond, 600 * kMicrosecond, 800 * kMicrosecond, 1 * kMillisecond,
    2 * kMillisecond,   3 * kMillisecond,   4 * kMillisecond,   5 * kMillisecond,
    6 * kMillisecond,   8 * kMillisecond,   10 * kMillisecond,  13 * kMillisecond,
    16 * kMillisecond,  20 * kMillisecond,  25 * kMillisecond,  30 * kMillisecond,
    40 * kMillisecond,  50 * kMillisecond,  65 * kMillisecond,  80 * kMillisecond,
    100 * kMillisecond, 130 * kMillisecond, 160 * kMillisecond, 200 * kMillisecond,
    250 * kMillisecond, 300 * kMillisecond, 400 * kMillisecond, 500 * kMillisecond,
    650 * kMillisecond, 800 * kMillisecond, 1 * kSecond,        2 * kSecond,
    5 * kSecond,        10 * kSecond,       20 * kSecond,       50 * kSecond,
    100 * kSecond};

constexpr std::array kSizeBounds = {
    uint64_t{0},       uint64_t{1} << 10, uint64_t{1} << 11, uint64_t{1} << 12, uint64_t{1} << 14,
    uint64_t{1} << 16, uint64_t{1} << 18, uint64_t{1} << 20, uint64_t{1} << 22, uint64_t{1} << 24,
    uint64_t{1} << 26, uint64_t{1} << 28, uint64_t{1} << 30, uint64_t{1} << 32};

}  // namespace

const Buckets kTimeBuckets = {kTimeBounds, kSecond};
const Buckets kSizeBuckets = {kSizeBounds, 1};

HistogramFamily::HistogramFamily(const Metric& metric, const Buckets& buckets, Labels labels)
    : metric_(metric),
      buckets_(buckets),
      labels_(std::move(labels)),
      numbers_(labels_.SeriesCount() * NumbersOfSeries()) {}

void HistogramFamily::Add(size_t series, uint64_t value) {
  const auto& bounds = buckets_.bounds;
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
  const size_t first = series * NumbersOfSeries();
  numbers_.Add(first + static_cast<size_t>(bucket), 1);
  numbers_.Add(first + bounds.size() + 1, value);
}

prometheus::MetricFamily HistogramFamily::Collect() const {
  prometheus::MetricFamily family = FamilyOf(metric_);
  for (size_t series = 0; series < labels_.SeriesCount(); ++series) {
    prometheus::ClientMetric::Histogram histogram = Histogram(series);
    if (histogram.sample_count == 0 && !labels_.IsShownAtZero(series)) continue;
    prometheus::ClientMetric& shown = family.metric.emplace_back();
    shown.label = labels_.Of(series);
    shown.histogram = std::move(histogram);
  }
  return family;
}

prometheus::ClientMetric::Histogram HistogramFamily::Histogram(size_t series) const {
  prometheus::ClientMetric::Histogram histogram;
  const size_t first = series * NumbersOfSeries();
  const size_t above = buckets_.bounds.size();
  const auto of_unit = static_cast<double>(buckets_.of_unit);
  for (size_t i = 0; i < above; ++i) {
    histogram.sample_count += numbers_.Read(first + i);
    histogram.bucket.push_back(
        {histogram.sample_count, static_cast<double>(buckets_.bounds[i]) / of_unit});
  }
  histogram.sample_count += numbers_.Read(first + above);
  histogram.sample_sum = static_cast<double>(numbers_.Read(first + above + 1)) / of_unit;
  return histogram;
}

}  // namespace lossd::observe
