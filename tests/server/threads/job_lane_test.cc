#include "server/threads/job_lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace lossd {
namespace {

using ::testing::ElementsAre;

void Nothing() {}

std::vector<uint64_t> TakeAll(JobLane& lane) {
  std::vector<uint64_t> tickets;
  while (!lane.empty()) tickets.push_back(lane.Take().ticket);
  return tickets;
}

TEST(JobLaneTest, TheJobsOfOneOwnerAreTakenInTheirOrder) {
  JobLane lane;
  for (const uint64_t ticket : std::vector<uint64_t>{3, 5, 9}) lane.Add({0, 7}, ticket, Nothing);
  EXPECT_THAT(TakeAll(lane), ElementsAre(3, 5, 9));
}

TEST(JobLaneTest, OwnersTakeTurns) {
  JobLane lane;
  for (const uint64_t ticket : std::vector<uint64_t>{1, 2, 3, 4})
    lane.Add({0, 10}, ticket, Nothing);
  lane.Add({0, 20}, 5, Nothing);
  lane.Add({0, 30}, 6, Nothing);
  lane.Add({0, 20}, 7, Nothing);
  EXPECT_THAT(TakeAll(lane), ElementsAre(1, 5, 6, 2, 7, 3, 4));
}

TEST(JobLaneTest, AnOwnerThatComesLaterIsTakenBeforeTheNextTurnOfAnother) {
  JobLane lane;
  for (const uint64_t ticket : std::vector<uint64_t>{1, 2, 3}) lane.Add({0, 0}, ticket, Nothing);
  EXPECT_EQ(lane.Take().ticket, 1);
  lane.Add({0, 8}, 4, Nothing);
  EXPECT_THAT(TakeAll(lane), ElementsAre(4, 2, 3));
}

TEST(JobLaneTest, TheLargestOwnerIsFollowedByTheSmallest) {
  JobLane lane;
  lane.Add({0, UINT64_MAX}, 1, Nothing);
  lane.Add({0, UINT64_MAX}, 2, Nothing);
  lane.Add({0, 0}, 3, Nothing);
  EXPECT_THAT(TakeAll(lane), ElementsAre(1, 3, 2));
}

TEST(JobLaneTest, AGroupOfManyMembersHasNoMoreTurnsThanAnother) {
  JobLane lane;
  for (const uint64_t member : std::vector<uint64_t>{1, 2, 3, 4, 5, 6}) {
    lane.Add({7, member}, member, Nothing);
  }
  for (const uint64_t ticket : std::vector<uint64_t>{10, 11, 12}) {
    lane.Add({8, 1}, ticket, Nothing);
  }
  EXPECT_THAT(TakeAll(lane), ElementsAre(1, 10, 2, 11, 3, 12, 4, 5, 6));
}

TEST(JobLaneTest, TheMembersOfAGroupTakeTurnsAcrossThoseOfAnother) {
  JobLane lane;
  for (const uint64_t ticket : std::vector<uint64_t>{1, 2, 3}) lane.Add({7, 1}, ticket, Nothing);
  for (const uint64_t ticket : std::vector<uint64_t>{4, 5}) lane.Add({7, 2}, ticket, Nothing);
  for (const uint64_t ticket : std::vector<uint64_t>{6, 7}) lane.Add({8, 2}, ticket, Nothing);
  EXPECT_THAT(TakeAll(lane), ElementsAre(1, 6, 4, 7, 2, 5, 3));
}

TEST(JobLaneTest, ARemovedJobIsNotTaken) {
  JobLane lane;
  int ran = 0;
  lane.Add({0, 1}, 1, [&] { ran = 1; });
  lane.Add({0, 1}, 2, [&] { ran = 2; });
  lane.Add({0, 2}, 3, Nothing);
  lane.Remove({0, 1}, 2)();
  EXPECT_EQ(ran, 2);
  lane.Remove({0, 2}, 3);
  EXPECT_THAT(TakeAll(lane), ElementsAre(1));
}

}  // namespace
}  // namespace lossd
