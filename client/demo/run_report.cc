#include "client/demo/run_report.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/demo/text_table.h"

namespace lossd::demo {
namespace {

constexpr double kThousand = 1000.0;

std::vector<std::string> Cells(std::string name, const RunSummary& run) {
  return {std::move(name),
          absl::StrCat(run.turned_easy),
          absl::StrCat(run.turned_hard),
          absl::StrCat(run.forgotten),
          absl::StrCat(run.rows_that_turned),
          absl::StrCat(run.hard_at_last)};
}

std::vector<std::string> Header(std::string first) {
  return {std::move(first), "turned easy",      "turned hard",
          "forgotten",      "rows that turned", "hard at last"};
}

bool Rises(absl::Span<const RateSummary> rates) {
  const auto fall =
      std::adjacent_find(rates.begin(), rates.end(), [](const auto& lower, const auto& higher) {
        return lower.summary.late_turn_rate >= higher.summary.late_turn_rate;
      });
  return fall == rates.end();
}

}  // namespace

std::string LossesReport(absl::Span<const NamedSummary> losses) {
  TextTable table(Header("loss"));
  for (const NamedSummary& loss : losses) table.AddRow(Cells(loss.name, loss.summary));
  const RunSummary& plain = losses.front().summary;
  return absl::StrCat(
      "Training set, as the server recorded it: how often rows became easy (p_t >= 0.5) and hard "
      "again,\nand correct ones wrong\n\n",
      table.Render(), "\nWith cross entropy ", plain.rows_that_turned, " rows changed side, ",
      plain.turned_easy + plain.turned_hard, " times in all",
      plain.rows_that_turned > 0 ? ": difficulty is no property of a row, it moves with the model"
                                 : "",
      ".\n");
}

std::string LearningRateReport(absl::Span<const RateSummary> rates, int epochs) {
  std::vector<std::string> header = Header("learning rate");
  header.push_back(absl::StrCat("turns in 1000, epochs ", epochs / 2 + 1, " to ", epochs));
  header.emplace_back("test accuracy");
  TextTable table(header);
  for (const RateSummary& rate : rates) {
    std::vector<std::string> cells = Cells(absl::StrCat(rate.learning_rate), rate.summary);
    cells.push_back(absl::StrFormat("%.2f", kThousand * rate.summary.late_turn_rate));
    cells.push_back(absl::StrFormat("%.2f%%", 100.0 * rate.accuracy));
    table.AddRow(std::move(cells));
  }
  return absl::StrCat(
      "Training set, as the server recorded it: cross entropy at ", rates.size(),
      " learning rates\n\n", table.Render(), "\nIn the second half of the epochs the turn rate ",
      Rises(rates) ? "rises with the learning rate: steps that are too large turn rows back and "
                     "forth"
                   : "does not rise with the learning rate",
      ".\n");
}

}  // namespace lossd::demo
