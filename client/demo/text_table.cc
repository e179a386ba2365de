#include "client/demo/text_table.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lossd::demo {

TextTable::TextTable(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void TextTable::AddRow(std::vector<std::string> cells) {
  assert(cells.size() == rows_.front().size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::Render() const {
  const size_t columns = rows_.front().size();
  std::vector<size_t> widths(columns, 0);
  for (const auto& row : rows_) {
    for (size_t j = 0; j < columns; ++j) widths[j] = std::max(widths[j], row[j].size());
  }
  std::string text;
  for (size_t i = 0; i < rows_.size(); ++i) {
    std::string line;
    for (size_t j = 0; j < columns; ++j) {
      const std::string& cell = rows_[i][j];
      const std::string padding(widths[j] - cell.size(), ' ');
      absl::StrAppend(&line, j == 0 ? "" : "  ", j == 0 ? cell : padding, j == 0 ? padding : cell);
    }
    absl::StrAppend(&text, line, "\n");
    if (i == 0) absl::StrAppend(&text, std::string(line.size(), '-'), "\n");
  }
  return text;
}

}  // namespace lossd::demo
