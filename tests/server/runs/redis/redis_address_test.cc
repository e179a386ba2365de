#include "server/runs/redis/redis_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/runs/redis/key_slot.h"

namespace lossd::runs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedisAddressTest, ReadsEveryPart) {
  const auto whole = ParseRedisAddress("redis://me:p%40ss:w@redis.example:7000/3");
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->host, "redis.example");
  EXPECT_EQ(whole->port, 7000);
  EXPECT_EQ(whole->user, "me");
  EXPECT_EQ(whole->password, "p@ss:w");
  EXPECT_EQ(whole->database, 3);
  const auto short_one = ParseRedisAddress("redis://:secret@[::1]");
  ASSERT_TRUE(short_one.ok()) << short_one.status();
  EXPECT_EQ(short_one->host, "::1");
  EXPECT_EQ(short_one->port, 6379);
  EXPECT_EQ(short_one->user, "");
  EXPECT_EQ(short_one->password, "secret");
  EXPECT_EQ(short_one->database, 0);
  EXPECT_TRUE(ParseRedisAddress("redis://host/").ok());
}

TEST(RedisAddressTest, RefusesWhatIsNone) {
  for (const char* url :
       {"", "redis://", "http://host", "redis://host:", "redis://host:x", "redis://host:0",
        "redis://host:65536", "redis://host/x", "redis://host/-1", "redis://:%4@host",
        "redis://secret@host", "redis://[::1", "redis://[::1]6379", "redis://:secret@"}) {
    const absl::Status refused = ParseRedisAddress(url).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << url;
    EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("secret"))) << url;
  }
}

// The numbers of the specification, and of CLUSTER KEYSLOT.
TEST(KeySlotTest, IsWhatAClusterHas) {
  EXPECT_EQ(KeySlot("123456789"), 0x31c3);
  EXPECT_EQ(KeySlot("foo"), 12182);
  EXPECT_EQ(KeySlot("{user1000}.following"), KeySlot("{user1000}.followers"));
  EXPECT_EQ(KeySlot("foo{{bar}}zap"), KeySlot("{bar"));
  EXPECT_NE(KeySlot("foo{}{bar}"), KeySlot("bar"));
}

}  // namespace
}  // namespace lossd::runs
