#include "client/demo/progress_bar.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ProgressBarTest, DrawsOverItselfOnATerminal) {
  std::ostringstream out;
  ProgressBar bar(out, ProgressBar::Style::kTerminal, "focal", 4, 100);
  bar.Update(1, 0, 0.5);
  EXPECT_THAT(out.str(), StartsWith("\rfocal "));
  EXPECT_THAT(out.str(), HasSubstr("[######------------------] epoch  1/4  loss 0.500000"));
  EXPECT_THAT(out.str(), HasSubstr("samples/s"));
  EXPECT_THAT(out.str(), Not(HasSubstr("\n")));
}

TEST(ProgressBarTest, WritesOneLineToALog) {
  std::ostringstream out;
  ProgressBar bar(out, ProgressBar::Style::kLog, "focal", 4, 100);
  bar.Update(1, 0, 0.5);
  EXPECT_EQ(out.str(), "");
  bar.Finish(0.25);
  EXPECT_THAT(out.str(), StartsWith("focal "));
  EXPECT_THAT(out.str(), HasSubstr("[########################] epoch  4/4  loss 0.250000"));
  EXPECT_THAT(out.str(), EndsWith("\n"));
}

}  // namespace
}  // namespace lossd::demo
