#include "server/runs/run_findings.h"

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lossd::runs {
namespace {

// In an epoch before this one most samples are learned, and turn for that.
constexpr int64_t kFirstEpoch = 3;
constexpr int64_t kLeastPresentations = 3;

// The turns of some consecutive points.
struct Quarter {
  double presentations = 0;
  double turns = 0;
  int64_t first_step = 0;
  int64_t last_step = 0;
  std::optional<double> learning_rate;

  void Add(const RunPoint& point) {
    if (presentations == 0) first_step = point.first_step;
    last_step = point.last_step;
    presentations += static_cast<double>(point.presentations);
    turns += static_cast<double>(point.turned_easy + point.turned_hard);
    if (point.learning_rate) learning_rate = point.learning_rate;
  }
  double rate() const { return turns / presentations; }
  // Returns the standard deviation of the rate, if turns are counted as a Poisson process has them.
  double deviation() const { return std::sqrt(turns) / presentations; }
  std::string Text() const {
    std::string text =
        absl::StrFormat("%.3g %% in steps %d to %d", 100 * rate(), first_step, last_step);
    if (learning_rate) absl::StrAppend(&text, absl::StrFormat(", at %.3g", *learning_rate));
    return text;
  }
};

void AddTurnRate(const Run& run, std::vector<std::string>& findings) {
  double all = 0;
  for (const RunPoint& point : run.points) {
    if (point.epoch >= kFirstEpoch) all += static_cast<double>(point.presentations);
  }
  Quarter first;
  Quarter last;
  double before = 0;
  for (const RunPoint& point : run.points) {
    if (point.epoch < kFirstEpoch || point.presentations == 0) continue;
    const auto count = static_cast<double>(point.presentations);
    if (before + count <= all / 4) first.Add(point);
    if (before >= all * 3 / 4) last.Add(point);
    before += count;
  }
  if (first.presentations == 0 || last.presentations == 0) return;
  const double fall = first.rate() - last.rate();
  const double noise = 3 * std::hypot(first.deviation(), last.deviation());
  const std::string rates = absl::StrCat(first.Text(), ", and ", last.Text());
  if (fall > noise) {
    findings.push_back(absl::StrCat("The turn rate falls: samples cross the hard threshold in ",
                                    rates, " of their presentations."));
    return;
  }
  const bool rises = -fall > noise;
  if (!rises && noise > first.rate() / 10) return;  // A fall would hardly show.
  if (first.turns + last.turns == 0) return;
  findings.push_back(absl::StrCat(
      "The turn rate ", rises ? "rises" : "does not fall", ": samples cross the hard threshold in ",
      rates,
      " of their presentations. Steps that are too large turn samples back and forth; try a lower "
      "learning rate."));
}

void AddLearning(const Run& run, std::vector<std::string>& findings) {
  if (run.sample_count == 0 || run.presentation_count < kLeastPresentations * run.sample_count) {
    return;
  }
  if (run.never_learned_count > 0) {
    findings.push_back(absl::StrFormat(
        "%d of %d samples were never learned: no presentation of theirs was correct.",
        run.never_learned_count, run.sample_count));
  }
  const int64_t learned = run.sample_count - run.never_learned_count;
  const int64_t forgotten = learned - run.forgetting[0];
  if (forgotten == 0) return;
  findings.push_back(
      absl::StrFormat("%d of %d samples that were learned were forgotten, %d of them ten times or "
                      "more.",
                      forgotten, learned, run.forgetting.back()));
}

}  // namespace

std::vector<std::string> FindingsOf(const Run& run) {
  std::vector<std::string> findings;
  AddTurnRate(run, findings);
  AddLearning(run, findings);
  return findings;
}

}  // namespace lossd::runs
