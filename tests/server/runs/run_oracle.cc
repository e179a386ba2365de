#include "tests/server/runs/run_oracle.h"

#include <cmath>
#include <limits>

#include "absl/functional/function_ref.h"

namespace lossd::runs {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void RunOracle::Add(const OwnedBatch& batch, int64_t step) {
  for (const Presentation& one : batch.samples) {
    if (one.ignored) continue;
    if (std::isfinite(one.true_probability) && std::isfinite(one.loss) &&
        std::isfinite(one.margin)) {
      seen_[one.id].push_back({one, step});
    } else {
      ++non_finite_;
    }
  }
}

RunSample RunOracle::Summarize(int64_t id, const std::vector<Seen>& seen) const {
  const auto count = static_cast<double>(seen.size());
  const auto mean = [&](absl::FunctionRef<double(const Presentation&)> number) {
    long double sum = 0;
    for (const Seen& one : seen) sum += number(one.presentation);
    return static_cast<double>(sum / count);
  };
  RunSample sample;
  sample.id = id;
  sample.presentations = static_cast<int64_t>(seen.size());
  sample.mean_true_probability = mean([](const Presentation& p) { return p.true_probability; });
  sample.true_probability_deviation = std::sqrt(mean([&](const Presentation& p) {
    return std::pow(p.true_probability - sample.mean_true_probability, 2);
  }));
  sample.mean_loss = mean([](const Presentation& p) { return p.loss; });
  sample.mean_margin = mean([](const Presentation& p) { return p.margin; });
  sample.correctness = mean([](const Presentation& p) { return p.correct ? 1 : 0; });
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i].presentation.correct && !sample.learned_at) {
      sample.learned_at = static_cast<int64_t>(i) + 1;
    }
    if (i == 0) continue;
    const Presentation& before = seen[i - 1].presentation;
    const Presentation& now = seen[i].presentation;
    const bool was_hard = before.true_probability < hard_threshold_;
    const bool is_hard = now.true_probability < hard_threshold_;
    if (before.correct && !now.correct) ++sample.forgetting_events;
    if (was_hard && !is_hard) ++sample.turned_easy;
    if (!was_hard && is_hard) ++sample.turned_hard;
  }
  const Presentation& last = seen.back().presentation;
  sample.last_true_probability = last.true_probability;
  sample.last_step = seen.back().step;
  sample.label = last.label;
  sample.class_id = last.class_id;
  return sample;
}

std::map<int64_t, RunSample> RunOracle::Samples() const {
  std::map<int64_t, RunSample> samples;
  for (const auto& [id, seen] : seen_) samples.emplace(id, Summarize(id, seen));
  return samples;
}

int64_t RunOracle::presentations() const {
  int64_t count = 0;
  for (const auto& [id, seen] : seen_) count += static_cast<int64_t>(seen.size());
  return count;
}

OwnedBatch RandomBatch(std::mt19937_64& random, int64_t size, int64_t ids) {
  std::uniform_real_distribution<double> unit(0, 1);
  std::uniform_int_distribution<int64_t> any_id(0, ids - 1);
  OwnedBatch batch;
  for (int64_t i = 0; i < size; ++i) {
    Presentation sample;
    sample.id = any_id(random) * 7919 - 100;
    sample.class_id = static_cast<int64_t>(unit(random) * static_cast<double>(batch.class_count));
    sample.label = sample.class_id;
    sample.true_probability = unit(random);
    sample.loss = -std::log(sample.true_probability);
    sample.margin = 20 * unit(random) - 10;
    sample.gradient_l1 = 2 * unit(random);
    sample.correct = sample.margin > 0;
    sample.ignored = unit(random) < 0.05;
    const double odd = unit(random);
    if (odd < 0.01) sample.loss = kInfinity;
    if (odd > 0.99) sample.margin = kNaN;
    batch.samples.push_back(sample);
  }
  return batch;
}

}  // namespace lossd::runs
