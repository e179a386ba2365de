#ifndef LOSSD_CLIENT_DEMO_TEXT_TABLE_H_
#define LOSSD_CLIENT_DEMO_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace lossd::demo {

// A table of text: the first column is aligned left, the others right, and every column is as wide
// as its widest cell. A cell must be ASCII: its width is its length.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header);

  // Adds a row, which must have as many cells as the header.
  void AddRow(std::vector<std::string> cells);

  // Returns the lines of the table, a rule under the header, each line ended.
  std::string Render() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header is the first
};

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_TEXT_TABLE_H_
