#include "server/process/log_repeats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace lossd {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

using Moment = LogRepeats::Moment;
constexpr auto kInterval = LogRepeats::kInterval;
constexpr Moment kStart = Moment(std::chrono::hours(1));

LogEntry Entry(const std::string& error) {
  return {LogLevel::kWarning, "failed", {{"error", error}}};
}

std::string TextOf(const LogEntry& entry) { return LogText(entry.message, entry.fields); }

TEST(LogRepeatsTest, TheFirstOfAKindIsWrittenAndTheLastStandsForThoseThatFollow) {
  LogRepeats repeats;
  EXPECT_TRUE(repeats.IsFirst("a", Entry("1"), kStart));
  EXPECT_FALSE(repeats.IsFirst("a", Entry("2"), kStart));
  EXPECT_FALSE(repeats.IsFirst("a", Entry("3"), kStart));
  EXPECT_THAT(repeats.TakeDue(kStart + kInterval / 2), IsEmpty());
  EXPECT_EQ(repeats.next_due(), kStart + kInterval);
  const std::vector<LogEntry> sums = repeats.TakeDue(kStart + kInterval);
  ASSERT_THAT(sums, SizeIs(1));
  EXPECT_EQ(sums[0].level, LogLevel::kWarning);
  EXPECT_EQ(TextOf(sums[0]), R"(failed more=2 error="3")");
}

TEST(LogRepeatsTest, AKindThatGoesOnIsASumEachInterval) {
  LogRepeats repeats;
  EXPECT_TRUE(repeats.IsFirst("a", Entry("1"), kStart));
  for (int i = 1; i <= 5; ++i) {
    EXPECT_FALSE(repeats.IsFirst("a", Entry("2"), kStart + i * kInterval - kInterval / 2));
    EXPECT_THAT(repeats.TakeDue(kStart + i * kInterval), SizeIs(1));
  }
}

TEST(LogRepeatsTest, AKindThatPausesIsWrittenAtOnceAgain) {
  LogRepeats repeats;
  EXPECT_TRUE(repeats.IsFirst("a", Entry("1"), kStart));
  EXPECT_THAT(repeats.TakeDue(kStart + kInterval), IsEmpty());
  EXPECT_EQ(repeats.next_due(), Moment::max());
  EXPECT_TRUE(repeats.IsFirst("a", Entry("2"), kStart + kInterval));
}

TEST(LogRepeatsTest, KindsAreCountedApart) {
  LogRepeats repeats;
  EXPECT_TRUE(repeats.IsFirst("a", Entry("1"), kStart));
  EXPECT_TRUE(repeats.IsFirst("b", Entry("1"), kStart + kInterval / 2));
  EXPECT_FALSE(repeats.IsFirst("a", Entry("2"), kStart + kInterval / 2));
  EXPECT_FALSE(repeats.IsFirst("b", Entry("2"), kStart + kInterval / 2));
  EXPECT_THAT(repeats.TakeDue(kStart + kInterval), SizeIs(1));
  EXPECT_EQ(repeats.next_due(), kStart + kInterval + kInterval / 2);
  EXPECT_THAT(repeats.TakeDue(repeats.next_due()), SizeIs(1));
}

TEST(LogRepeatsTest, AtTheEndAllSumsAreTaken) {
  LogRepeats repeats;
  EXPECT_TRUE(repeats.IsFirst("a", Entry("1"), kStart));
  EXPECT_TRUE(repeats.IsFirst("b", Entry("1"), kStart));
  EXPECT_FALSE(repeats.IsFirst("b", Entry("2"), kStart));
  EXPECT_THAT(repeats.TakeAll(), SizeIs(1));
  EXPECT_THAT(repeats.TakeAll(), IsEmpty());
}

TEST(LogRepeatsTest, HoldsABoundedNumberOfKinds) {
  LogRepeats repeats;
  int written = 0;
  for (int i = 0; i < 10000; ++i) {
    if (repeats.IsFirst(absl::StrCat(i), Entry("1"), kStart)) ++written;
  }
  EXPECT_LT(written, 300);
  LogEntry error = Entry("1");
  error.level = LogLevel::kError;
  EXPECT_TRUE(repeats.IsFirst("a", error, kStart)) << "warnings do not hide it";
  EXPECT_FALSE(repeats.IsFirst("b", error, kStart));
  EXPECT_THAT(repeats.TakeDue(kStart + kInterval), SizeIs(2));
}

}  // namespace
}  // namespace lossd
