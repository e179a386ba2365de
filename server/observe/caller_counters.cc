#include "server/observe/caller_counters.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace lossd::observe {
namespace {

constexpr char kOther[] = "(other)";

}  // namespace

CallerCounters::CallerCounters(std::function<std::vector<std::string>()> names)
    : names_(std::move(names)), counters_((kMostNames + 1) * kNumbers) {}

void CallerCounters::AddCall(const rpc::Caller& caller) { Add(caller, kCalls, 1); }

void CallerCounters::AddMessage(const rpc::Caller& caller, const rpc::CallCosts& costs) {
  Add(caller, kMessages, 1);
  Add(caller, kRequestBytes, costs.request_bytes);
  Add(caller, kComputeNanoseconds, costs.computing.count());
}

void CallerCounters::Add(const rpc::Caller& caller, Number number, int64_t amount) {
  const size_t index = std::min(static_cast<size_t>(caller.number) - 1, kMostNames);
  counters_.Add(index * kNumbers + number, static_cast<uint64_t>(std::max(amount, int64_t{0})));
}

std::vector<prometheus::MetricFamily> CallerCounters::Collect() const {
  constexpr double kNanosecondsPerSecond = 1e9;
  std::vector<std::string> names = names_();
  if (names.size() > kMostNames) {
    names.resize(kMostNames);
    names.emplace_back(kOther);
  }
  return {Family(metrics::kTokenCalls, kCalls, 1, names),
          Family(metrics::kTokenMessages, kMessages, 1, names),
          Family(metrics::kTokenRequestBytes, kRequestBytes, 1, names),
          Family(metrics::kTokenComputeTime, kComputeNanoseconds, kNanosecondsPerSecond, names)};
}

prometheus::MetricFamily CallerCounters::Family(const Metric& metric, Number number, double unit,
                                                const std::vector<std::string>& names) const {
  prometheus::MetricFamily family = FamilyOf(metric);
  for (size_t i = 0; i < names.size(); ++i) {
    prometheus::ClientMetric& shown = family.metric.emplace_back();
    shown.label = {{"token", names[i]}};
    shown.counter.value = static_cast<double>(counters_.Read(i * kNumbers + number)) / unit;
  }
  return family;
}

}  // namespace lossd::observe
