#include "server/transport/call_deadline.h"

#include <gtest/gtest.h>

namespace lossd::transport {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const CallDeadline::WallClock::time_point kWall = CallDeadline::WallClock::now();
const CallDeadline::SteadyClock::time_point kSteady = CallDeadline::SteadyClock::now();

TEST(CallDeadlineTest, PassesWhenItsTimeHasPassed) {
  const CallDeadline deadline(kWall + seconds(600), kWall, kSteady);
  EXPECT_FALSE(deadline.Passed(kSteady));
  EXPECT_FALSE(deadline.Passed(kSteady + seconds(599)));
  EXPECT_TRUE(deadline.Passed(kSteady + seconds(600)));
}

// Whatever the wall clock shows then: nobody asks it.
TEST(CallDeadlineTest, AClockThatIsSetBeforeTheCallArrivesMakesItNoShorter) {
  const CallDeadline deadline(kWall + hours(1) + seconds(600), kWall + hours(1), kSteady);
  EXPECT_FALSE(deadline.Passed(kSteady + seconds(599)));
  EXPECT_TRUE(deadline.Passed(kSteady + seconds(600)));
}

TEST(CallDeadlineTest, OneThatHasPassedBeforeTheCallArrivesHas) {
  EXPECT_TRUE(CallDeadline(kWall - hours(1), kWall, kSteady).Passed(kSteady));
  EXPECT_TRUE(CallDeadline({}, kWall, kSteady).Passed(kSteady));
}

TEST(CallDeadlineTest, NoneNeverPasses) {
  EXPECT_FALSE(CallDeadline().Passed(kSteady + hours(24 * 365)));
  const CallDeadline infinite(CallDeadline::WallClock::time_point::max(), kWall, kSteady);
  EXPECT_FALSE(infinite.Passed(kSteady + hours(24 * 365)));
}

}  // namespace
}  // namespace lossd::transport
