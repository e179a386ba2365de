#include "client/demo/report.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/demo/dataset.h"
#include "client/demo/lineup.h"
#include "client/demo/text_table.h"

namespace lossd::demo {
namespace {

constexpr double kRareFrequency = 0.01;

std::string Percent(double share) { return absl::StrFormat("%.2f%%", 100.0 * share); }

double Ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

int64_t Sum(absl::Span<const int64_t> values) {
  return std::accumulate(values.begin(), values.end(), int64_t{0});
}

int64_t SumOver(absl::Span<const int64_t> values, absl::Span<const size_t> classes) {
  int64_t sum = 0;
  for (const size_t k : classes) sum += values[k];
  return sum;
}

// Returns the mean recall of the classes that have test rows.
double BalancedAccuracy(const ClassStatistics& statistics) {
  double sum = 0.0;
  int64_t classes = 0;
  for (size_t k = 0; k < statistics.count.size(); ++k) {
    if (statistics.count[k] > 0) {
      sum += Ratio(statistics.correct_count[k], statistics.count[k]);
      ++classes;
    }
  }
  return classes > 0 ? sum / static_cast<double>(classes) : 0.0;
}

std::string ClassList(absl::Span<const size_t> classes) {
  return absl::StrJoin(classes, ", ",
                       [](std::string* out, size_t k) { absl::StrAppend(out, kClassNames[k]); });
}

// Returns "1 row" or "2 rows".
std::string Counted(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

// Returns "3 more than", "2 fewer than" or "as many as".
std::string Compared(int64_t count, int64_t reference) {
  const int64_t difference = count - reference;
  return difference == 0
             ? "as many as"
             : absl::StrCat(std::abs(difference), difference > 0 ? " more than" : " fewer than");
}

std::string BestSentences(absl::Span<const TrainedModel> models) {
  const auto best = [&](double (*measure)(const ClassStatistics&)) -> const TrainedModel& {
    return *std::max_element(models.begin(), models.end(), [&](const auto& a, const auto& b) {
      return measure(a.test_statistics) < measure(b.test_statistics);
    });
  };
  const TrainedModel& accurate = best(&Accuracy);
  const TrainedModel& balanced = best(&BalancedAccuracy);
  return absl::StrCat("The highest accuracy is that of ", accurate.name, ", ",
                      Percent(Accuracy(accurate.test_statistics)),
                      ";\nthe highest balanced accuracy, the mean of the recalls, that of ",
                      balanced.name, ", ", Percent(BalancedAccuracy(balanced.test_statistics)),
                      ".\n");
}

// Says what a difference in rare rows found means. One training run with one seed moves by a row or
// two.
const char* Verdict(int64_t difference) {
  constexpr int64_t kNoise = 2;
  if (std::abs(difference) > kNoise) return difference > 0 ? "" : ": on balance it rescues none";
  return difference == 0 ? ": it rescues none" : ": too few to tell from chance";
}

// Compares each other loss with plain cross entropy.
std::string RareSentences(absl::Span<const TrainedModel> models, absl::Span<const size_t> rare) {
  const ClassStatistics& reference = models[kCrossEntropy].test_statistics;
  const int64_t found = SumOver(reference.correct_count, rare);
  std::string text = absl::StrCat("The rare classes, each under 1% of the training rows, are ",
                                  ClassList(rare), ",\ntogether ", SumOver(reference.count, rare),
                                  " test rows.\nPlain cross entropy finds ", found, " of them.\n");
  for (const TrainedModel& model : models.subspan(1)) {
    const ClassStatistics& statistics = model.test_statistics;
    const int64_t count = SumOver(statistics.correct_count, rare);
    absl::StrAppend(&text, "  ", model.name, " finds ", count, ", ", Compared(count, found),
                    " cross entropy, ",
                    absl::StrFormat("with accuracy %+.2f points",
                                    100.0 * (Accuracy(statistics) - Accuracy(reference))),
                    Verdict(count - found), ".\n");
  }
  return text;
}

std::string SmallCountSentence(const ClassStatistics& statistics) {
  std::string text;
  for (size_t k = 0; k < statistics.count.size(); ++k) {
    const int64_t count = statistics.count[k];
    if (count > 0 && count < 10) {
      absl::StrAppend(&text, kClassNames[k], " has ", Counted(count, "test row"),
                      ", so one row is ", 100 / count, " points of its recall and ",
                      absl::StrFormat("%.1f", 100.0 / static_cast<double>(count) / kClassCount),
                      " of balanced accuracy.\n");
    }
  }
  return text.empty() ? "" : absl::StrCat(text, "Differences that small may be chance.\n");
}

std::string HardShareSentence(const LossComparison& cross_entropy, const LossComparison& focal) {
  const Difficulty& plain = *cross_entropy.difficulty;
  if (plain.hard_count == 0) return "No row is hard here.\n";
  const double from = plain.hard_loss_share;
  const double to = focal.difficulty->hard_loss_share;
  return absl::StrFormat(
      "The hard rows make %.1f%% of cross entropy's loss and %.1f%% of focal's: focal %s.\n",
      100.0 * from, 100.0 * to,
      to > from   ? "turns the loss towards them"
      : to < from ? "turns the loss away from them"
                  : "changes nothing");
}

std::string VanishingSentence(const LossComparison& cross_entropy,
                              const LossComparison& squared_error) {
  const int64_t vanishing = squared_error.vanishing_count;
  if (vanishing == 0 && cross_entropy.vanishing_count == 0) {
    return "Under neither squared error nor cross entropy is a row confidently wrong and without a "
           "gradient.\n";
  }
  return absl::StrCat(
      "Confidently wrong (p_t < 0.01) and yet hardly a gradient (|dl/dz_t| < 0.01): ",
      Counted(vanishing, "row"), " under squared error, ", cross_entropy.vanishing_count,
      " under cross entropy.\n");
}

}  // namespace

double Accuracy(const ClassStatistics& statistics) {
  return Ratio(Sum(statistics.correct_count), Sum(statistics.count));
}

std::vector<size_t> RareClasses(absl::Span<const double> frequencies) {
  std::vector<size_t> rare;
  for (size_t k = 0; k < frequencies.size(); ++k) {
    if (frequencies[k] < kRareFrequency) rare.push_back(k);
  }
  return rare;
}

std::string RecallReport(absl::Span<const TrainedModel> models, absl::Span<const size_t> rare) {
  const ClassStatistics& any = models.front().test_statistics;
  std::vector<std::string> header = {"loss", "accuracy", "balanced"};
  std::vector<std::string> counts = {"(test rows)", absl::StrCat(Sum(any.count)), ""};
  for (size_t k = 0; k < kClassCount; ++k) {
    header.emplace_back(kClassNames[k]);
    counts.push_back(absl::StrCat(any.count[k]));
  }
  TextTable table(header);
  table.AddRow(counts);
  for (const TrainedModel& model : models) {
    const ClassStatistics& statistics = model.test_statistics;
    std::vector<std::string> cells = {model.name, Percent(Accuracy(statistics)),
                                      Percent(BalancedAccuracy(statistics))};
    for (size_t k = 0; k < kClassCount; ++k) {
      cells.push_back(Percent(Ratio(statistics.correct_count[k], statistics.count[k])));
    }
    table.AddRow(std::move(cells));
  }
  return absl::StrCat("Test set: accuracy, balanced accuracy, and the recall of each class\n\n",
                      table.Render(), "\n", BestSentences(models), RareSentences(models, rare),
                      SmallCountSentence(any));
}

std::string ComparisonReport(absl::string_view model, absl::Span<const NamedLoss> losses,
                             const CompareResult& comparison, absl::Span<const size_t> rare) {
  TextTable table({"loss", "loss: hard rows", "loss: easy rows", "gradient: hard rows",
                   "gradient: rare classes", "vanishing rows"});
  for (size_t i = 0; i < losses.size(); ++i) {
    const LossComparison& one = comparison.comparisons[i];
    const double hard = one.difficulty->hard_loss_share;
    double rare_share = 0.0;
    for (const size_t k : rare) rare_share += one.class_statistics->gradient_share[k];
    table.AddRow({losses[i].name, Percent(hard), Percent(one.loss_sum > 0.0 ? 1.0 - hard : 0.0),
                  Percent(one.difficulty->hard_gradient_share), Percent(rare_share),
                  absl::StrCat(one.vanishing_count)});
  }
  const LossComparison& plain = comparison.comparisons[kCrossEntropy];
  return absl::StrCat(
      "Five losses on one set of logits, the test logits of the model trained with ", model, ": ",
      plain.difficulty->hard_count, " of ", Sum(plain.difficulty->count),
      " rows are hard (p_t < 0.5)\n\n", table.Render(), "\n",
      HardShareSentence(plain, comparison.comparisons[kFocal]),
      VanishingSentence(plain, comparison.comparisons[kSquaredError]));
}

}  // namespace lossd::demo
