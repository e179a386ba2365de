#include "client/demo/text_table.h"

#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

TEST(TextTableTest, AlignsItsColumns) {
  TextTable table({"loss", "accuracy"});
  table.AddRow({"cross entropy", "99.5%"});
  table.AddRow({"focal", "100.00000%"});
  EXPECT_EQ(table.Render(),
            "loss             accuracy\n"
            "-------------------------\n"
            "cross entropy       99.5%\n"
            "focal          100.00000%\n");
}

}  // namespace
}  // namespace lossd::demo
