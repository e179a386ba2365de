// A Redis that does not answer, or not what is asked for; no redis-server is needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/runs/patience.h"
#include "server/runs/redis/redis_journal.h"
#include "tests/server/runs/redis/scripted_redis.h"

namespace lossd::runs {
namespace {

using ::testing::HasSubstr;

using Command = std::vector<std::string>;

std::unique_ptr<RedisJournal> OpenJournal(const ScriptedRedis& redis) {
  return std::make_unique<RedisJournal>(RedisOptions{redis.address(), 1000});
}

// What Redis answers to a batch that is appended to a run.
std::string Accept(const Command& command) {
  if (command.front() == "ZADD") return ":1\r\n";
  if (command.front() == "FCALL") return "*2\r\n:2\r\n:100\r\n";
  return "*0\r\n";
}

absl::Status Append(RedisJournal& journal) {
  NewBatch batch;
  batch.run = "run";
  batch.kind.class_count = 2;
  batch.bytes = "bytes";
  return journal.Append(batch).status();
}

// Measures how long something takes.
template <typename F>
absl::Duration TimeOf(F f) {
  const absl::Time begin = absl::Now();
  f();
  return absl::Now() - begin;
}

TEST(RedisFailureTest, AnAnswerThatDoesNotComeIsWaitedForOnce) {
  ScriptedRedis silent([](int, const Command&) { return ""; });
  const auto journal = OpenJournal(silent);
  absl::Status refused;
  const absl::Duration first = TimeOf([&] { refused = journal->Find("run").status(); });
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("no answer for 2s"));
  // Not twice, though a command that broke is sent again.
  EXPECT_LT(first, absl::Milliseconds(3900));
  // The next one, of another run, does not wait.
  const absl::Duration second = TimeOf([&] { refused = Append(*journal); });
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_LT(second, absl::Seconds(1));
}

TEST(RedisFailureTest, AWaitEndsSoonOnceNobodyWantsItsAnswer) {
  ScriptedRedis silent([](int, const Command&) { return ""; });
  const auto journal = OpenJournal(silent);
  const absl::Time end = absl::Now() + absl::Milliseconds(200);
  absl::Status ended;
  const absl::Duration took = TimeOf([&] {
    const Patience patience([&] { return absl::Now() >= end; });
    ended = journal->Find("run").status();
  });
  EXPECT_TRUE(absl::IsCancelled(ended)) << ended;
  EXPECT_LT(took, absl::Milliseconds(1500));
}

TEST(RedisFailureTest, ARunIsDeletedAsAWholeThoughNobodyWaits) {
  std::atomic<bool> is_over = false;
  std::atomic<bool> is_deleted = false;
  ScriptedRedis redis([&](int, const Command& command) -> std::string {
    if (command.front() == "ZREM") is_over = true;
    if (command.front() != "FCALL") return ":1\r\n";
    is_deleted = true;
    return ":2\r\n";
  });
  const auto journal = OpenJournal(redis);
  JournaledRun run;
  run.name = "run";
  const Patience patience([&] { return is_over.load(); });
  const absl::Status deleted = journal->Delete(run);
  EXPECT_TRUE(deleted.ok()) << deleted;
  EXPECT_TRUE(is_deleted);
}

TEST(RedisFailureTest, ThatNobodyWaitedSaysNothingOfRedis) {
  std::atomic<bool> answers = false;
  ScriptedRedis redis([&](int, const Command& command) { return answers ? Accept(command) : ""; });
  const auto journal = OpenJournal(redis);
  const absl::Time end = absl::Now() + absl::Milliseconds(1100);
  {
    const Patience patience([&] { return absl::Now() >= end; });
    EXPECT_TRUE(absl::IsCancelled(Append(*journal)));
  }
  answers = true;
  EXPECT_TRUE(Append(*journal).ok());
}

// Behind the address there is another Redis by now, which new connections lead to.
TEST(RedisFailureTest, AFailoverIsFollowedOverNewConnections) {
  std::atomic<bool> has_failed_over = false;
  std::atomic<int> old_connections = 0;
  ScriptedRedis redis([&](int connection, const Command& command) -> std::string {
    if (!has_failed_over) {
      old_connections = std::max<int>(old_connections, connection + 1);
      return Accept(command);
    }
    if (connection < old_connections) {
      return "-READONLY You can't write against a read only replica.\r\n";
    }
    return Accept(command);
  });
  const auto journal = OpenJournal(redis);
  ASSERT_TRUE(Append(*journal).ok());
  has_failed_over = true;
  const absl::Status followed = Append(*journal);
  EXPECT_TRUE(followed.ok()) << followed;
}

TEST(RedisFailureTest, WhatRedisCannotDoNowIsUnavailableSoon) {
  for (const std::string error :
       {"READONLY You can't write against a read only replica.",
        "LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down",
        "CLUSTERDOWN The cluster is down", "BUSY Redis is busy running a script",
        "MISCONF Redis is configured to save RDB snapshots",
        "OOM command not allowed when used memory > 'maxmemory'."}) {
    ScriptedRedis redis([&](int, const Command&) { return "-" + error + "\r\n"; });
    const auto journal = OpenJournal(redis);
    absl::Status refused;
    const absl::Duration took = TimeOf([&] { refused = Append(*journal); });
    EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(error));
    EXPECT_LT(took, absl::Seconds(5));
  }
}

}  // namespace
}  // namespace lossd::runs
