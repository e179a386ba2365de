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
                           "ms", ".", "1e3s", "99999999999999999999h", "0.5ms", "1.0001s"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(PrintTimeTest, IsReadBack) {
  EXPECT_EQ(PrintTime(absl::ZeroDuration()), "0s");
  EXPECT_EQ(PrintTime(absl::Milliseconds(1)), "1ms");
  EXPECT_EQ(PrintTime(absl::Milliseconds(90500)), "1m30.5s");
  for (const int64_t milliseconds : {0, 1, 999, 1001, 59999, 3600000, 1728000000}) {
    const absl::Duration time = absl::Milliseconds(milliseconds);
    EXPECT_EQ(ParseTime(PrintTime(time)), time) << milliseconds;
  }
}

}  // namespace
}  // namespace lossd
