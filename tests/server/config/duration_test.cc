#include "server/config/duration.h"

#include <gtest/gtest.h>

namespace lossd {
namespace {

TEST(ParseTimeTest, ReadsTimesWithTheirUnits) {
  EXPECT_EQ(ParseTime("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(ParseTime("30s"), absl::Seconds(30));
  EXPECT_EQ(ParseTime("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(ParseTime("5m"), absl::Minutes(5));
  EXPECT_EQ(ParseTime("1h"), absl::Hours(1));
  EXPECT_EQ(ParseTime("1m30s"), absl::Seconds(90));
  EXPECT_EQ(ParseTime(" 2s "), absl::Seconds(2));
  EXPECT_EQ(ParseTime("0"), absl::ZeroDuration());
}

TEST(ParseTimeTest, RefusesWhatIsNoTime) {
  for (const char* text : {"", "s", "30", "-1s", "+1s", "1d", "1us", "5ns", "inf", "1 s", "1s s",
                           "ms", ".", "1e3s", "99999999999999999999h"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace lossd
