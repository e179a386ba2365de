#include "server/transport/call_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace lossd::transport {
namespace {

TEST(CallIdsTest, IdsAreSixteenDigitsAndNoTwoAreTheSame) {
  CallIds some;
  CallIds others;
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    for (CallIds* each : {&some, &others}) {
      const std::string id = each->Next();
      EXPECT_THAT(id, ::testing::MatchesRegex("[0-9a-f]+"));
      EXPECT_EQ(id.size(), 16);
      EXPECT_TRUE(ids.insert(id).second) << id;
    }
  }
}

}  // namespace
}  // namespace lossd::transport
