// server/README.md lists the settings as the table has them.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/config/setting_table.h"

namespace lossd {
namespace {

constexpr char kBegin[] = "<!-- the settings: server/config/setting_table.cc -->\n";
constexpr char kEnd[] = "<!-- end of the settings -->\n";

std::string Code(absl::string_view text) { return absl::StrCat("`", text, "`"); }

std::string MakeList() {
  std::string list =
      "| flag | environment | default | takes | effect | when to change it | reload |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const Setting& setting : SettingTable()) {
    absl::StrAppend(&list, "| ", Code(absl::StrCat(setting.Flag(), " ", setting.placeholder)),
                    " | ", Code(setting.Variable()), " | ", Code(setting.Print(Settings())), " | ",
                    setting.Range(), " | ", setting.effect, " | ", setting.advice, " | ",
                    setting.takes_effect == TakesEffect::kAtReload ? "yes" : "–", " |\n");
  }
  return list;
}

TEST(SettingsPageTest, ListsThemAsTheTableHasThem) {
  std::ostringstream page;
  page << std::ifstream(LOSSD_SERVER_PAGE).rdbuf();
  const std::string text = page.str();
  const size_t begin = text.find(kBegin);
  const size_t end = text.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t first = begin + std::size(kBegin) - 1;
  // Not EXPECT_EQ, which escapes what is to be pasted.
  EXPECT_TRUE(text.substr(first, end - first) == MakeList()) << "expected:\n" << MakeList();
}

}  // namespace
}  // namespace lossd
