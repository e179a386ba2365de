#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/runs/journal/journaled_store.h"
#include "server/runs/memory_store.h"
#include "server/runs/redis/redis_journal.h"
#include "tests/server/runs/journal/journal_contract_test.h"
#include "tests/server/runs/redis/redis_server.h"
#include "tests/server/runs/run_oracle.h"
#include "tests/server/runs/same_runs.h"
#include "tests/server/runs/store_contract_test.h"

namespace lossd::runs {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRequestIds = 1000;

// Skips all tests where there is none.
class RedisIsNeeded final : public testing::Environment {
 public:
  void SetUp() override {
    if (!RedisServer::IsInstalled()) GTEST_SKIP() << "there is no redis-server";
  }
};

[[maybe_unused]] auto* const redis_is_needed = testing::AddGlobalTestEnvironment(new RedisIsNeeded);

std::unique_ptr<RunJournal> OpenJournal(const RedisAddress& address,
                                        int64_t request_ids = kRequestIds) {
  return std::make_unique<RedisJournal>(RedisOptions{address, request_ids});
}

// A database of a Redis of its own.
class RedisPlace final : public StorePlace, public JournalPlace {
 public:
  RedisPlace() : address_(server_.address()) { address_.database = 3; }

  std::unique_ptr<RunStore> Open(const StoreOptions& options) override {
    JournaledStoreOptions journaled;
    journaled.kind = "redis";
    journaled.max_bytes = options.max_bytes;
    journaled.max_age = options.max_age;
    journaled.now = options.now;
    return std::make_unique<JournaledStore>(OpenJournal(address_, options.request_ids),
                                            std::move(journaled));
  }
  bool Outlives() const override { return true; }
  std::unique_ptr<RunJournal> Open(int64_t request_ids) override {
    return OpenJournal(address_, request_ids);
  }

 private:
  const RedisServer server_;
  RedisAddress address_;
};

INSTANTIATE_TEST_SUITE_P(Redis, StoreContractTest, testing::Values([] {
                           return std::unique_ptr<StorePlace>(std::make_unique<RedisPlace>());
                         }));
INSTANTIATE_TEST_SUITE_P(Redis, JournalContractTest, testing::Values([] {
                           return std::unique_ptr<JournalPlace>(std::make_unique<RedisPlace>());
                         }));

JournaledStoreOptions Options() {
  JournaledStoreOptions options;
  options.kind = "redis";
  options.part_bytes = 1;
  options.fold_delay = absl::InfiniteDuration();
  return options;
}

OwnedBatch BatchOf(uint64_t seed) {
  std::mt19937_64 random(seed);
  OwnedBatch batch = RandomBatch(random, 200, 2000);
  batch.request_id = absl::StrCat(seed);
  batch.step = static_cast<int64_t>(seed);
  return batch;
}

TEST(RedisStoreTest, StoresOnOneRedisAddUp) {
  const RedisServer server;
  JournaledStore first(OpenJournal(server.address()), Options());
  JournaledStore second(OpenJournal(server.address()), Options());
  MemoryStore same({});
  for (uint64_t i = 0; i < 40; ++i) {
    JournaledStore& store = i % 3 == 0 ? first : second;
    ASSERT_TRUE(RecordTo(store, BatchOf(i)).ok());
    // The other has not seen it, and knows the request.
    ASSERT_TRUE(RecordTo(i % 3 == 0 ? second : first, BatchOf(i)).ok());
    ASSERT_TRUE(RecordTo(same, BatchOf(i)).ok());
    if (i % 10 == 4) first.FoldAll();
    if (i % 10 == 7) second.FoldAll();
    if (i % 10 == 9) {
      ExpectSameRun(first, same, "run");
      ExpectSameRun(second, same, "run");
    }
  }
}

// Records batches of samples that no other worker has.
void RecordOwnSamples(int64_t worker, RunStore& store) {
  for (uint64_t i = 0; i < 40; ++i) {
    OwnedBatch batch = BatchOf(i);
    batch.request_id = absl::StrCat(worker, "/", i);
    for (Presentation& one : batch.samples) one.id = one.id * 2 + worker;
    ASSERT_TRUE(RecordTo(store, batch).ok());
  }
}

TEST(RedisStoreTest, StoresThatRecordAndFoldAtOnceAddUp) {
  const RedisServer server;
  MemoryStore same({});
  RecordOwnSamples(0, same);
  RecordOwnSamples(1, same);
  std::atomic<int> recording = 2;
  std::vector<std::thread> threads;
  for (int64_t worker = 0; worker < 2; ++worker) {
    threads.emplace_back([&, worker] {
      JournaledStore store(OpenJournal(server.address()), Options());
      std::thread folding([&] {
        while (recording > 0) store.FoldAll();
      });
      RecordOwnSamples(worker, store);
      --recording;
      folding.join();
    });
  }
  for (std::thread& thread : threads) thread.join();
  JournaledStore store(OpenJournal(server.address()), Options());
  const auto samples = SamplesOf(store, "run");
  const auto expected = SamplesOf(same, "run");
  ASSERT_EQ(samples.size(), expected.size());
  for (const auto& [id, sample] : expected) {
    ASSERT_TRUE(samples.count(id)) << id;
    ExpectSameSample(samples.at(id), sample);
  }
  const auto run = store.Get("run", {}, 512);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->map, same.Get("run", {}, 512)->map);
  EXPECT_EQ(run->presentation_count, same.Get("run", {}, 512)->presentation_count);
}

// Records batches, each again and again until it is taken, as long as `going_on`. Returns how often
// one was not.
int RecordStubbornly(JournaledStore& store, RunStore& same, const std::atomic<bool>& going_on) {
  int refused = 0;
  constexpr uint64_t kLeast = 20;
  for (uint64_t step = 0; going_on || step < kLeast; ++step) {
    absl::Status recorded = RecordTo(store, BatchOf(step));
    while (absl::IsUnavailable(recorded)) {
      ++refused;
      absl::SleepFor(absl::Milliseconds(5));
      recorded = RecordTo(store, BatchOf(step));
    }
    EXPECT_TRUE(recorded.ok()) << recorded;
    EXPECT_TRUE(RecordTo(same, BatchOf(step)).ok());
    if (step % 10 == 0) store.FoldAll();
  }
  return refused;
}

TEST(RedisStoreTest, ARedisThatIsKilledAndStartedAgainLosesNothing) {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  JournaledStore store(OpenJournal(server.address()), Options());
  MemoryStore same({});
  std::atomic<bool> going_on = true;
  int refused = 0;
  std::thread recording([&] { refused = RecordStubbornly(store, same, going_on); });
  for (int i = 0; i < 5; ++i) {
    absl::SleepFor(absl::Milliseconds(60 + 17 * i));
    server.Kill();
    absl::SleepFor(absl::Milliseconds(20));
    server.Start();
  }
  going_on = false;
  recording.join();
  EXPECT_GT(refused, 0);
  ExpectSameRun(store, same, "run");
  JournaledStore other(OpenJournal(server.address()), Options());
  ExpectSameRun(other, same, "run");
}

TEST(RedisStoreTest, WhereNobodyListensABatchIsUnavailable) {
  RedisServer server;
  const RedisAddress address = server.address();
  JournaledStore store(OpenJournal(address), Options());
  server.Kill();
  const absl::Status refused = RecordTo(store, BatchOf(0));
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("Redis cannot be reached"));
  server.Start();
  EXPECT_TRUE(RecordTo(store, BatchOf(0)).ok());
}

TEST(RedisStoreTest, ThePasswordIsTold) {
  RedisServer server({"--requirepass", "open sesame"});
  RedisAddress address = server.address();
  const auto record = [&] {
    JournaledStore store(OpenJournal(address), Options());
    return RecordTo(store, BatchOf(0));
  };
  EXPECT_THAT(std::string(record().message()), HasSubstr("NOAUTH"));
  address.password = "open barley";
  const absl::Status wrong = record();
  EXPECT_TRUE(absl::IsUnavailable(wrong));
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("WRONGPASS"));
  EXPECT_THAT(std::string(wrong.message()), testing::Not(HasSubstr("barley")));
  address.password = "open sesame";
  EXPECT_TRUE(record().ok());
}

TEST(RedisStoreTest, NoErrorHasThePassword) {
  // Redis says with what the command that it does not know was called.
  RedisServer server({"--rename-command", "AUTH", ""});
  RedisAddress address = server.address();
  address.password = "sesame";
  JournaledStore store(OpenJournal(address), Options());
  const absl::Status refused = RecordTo(store, BatchOf(0));
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("AUTH"));
  EXPECT_THAT(std::string(refused.message()), testing::Not(HasSubstr("sesame")));
}

std::string CountNames(RedisServer& server) {
  return server.Run({"EVAL", "return tostring(redis.call('ZCARD', 'lossd:runs'))", "0"});
}

TEST(RedisStoreTest, ADeletedRunLeavesNoName) {
  RedisServer server;
  const auto journal = OpenJournal(server.address());
  JournaledStore store(OpenJournal(server.address()), Options());
  ASSERT_TRUE(RecordTo(store, BatchOf(0)).ok());
  const auto first = journal->Find("run");
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(journal->Delete(*first).ok());
  EXPECT_EQ(CountNames(server), "0");
  // As if it were sent again, when the name of another process was added again.
  server.Run({"ZADD", "lossd:runs", "0", "run"});
  EXPECT_TRUE(absl::IsNotFound(journal->Delete(*first)));
  EXPECT_EQ(CountNames(server), "0");
  // A new run of the name keeps it.
  ASSERT_TRUE(RecordTo(store, BatchOf(1)).ok());
  EXPECT_TRUE(absl::IsNotFound(journal->Delete(*first)));
  EXPECT_EQ(CountNames(server), "1");
}

// Redis does nothing else while it deletes them.
TEST(RedisStoreTest, LargeBatchesGoAFewAtATime) {
  RedisServer server;
  const auto journal = OpenJournal(server.address());
  const std::string bytes(10 << 20, 'x');
  NewBatch batch;
  batch.run = "run";
  batch.bytes = bytes;
  for (uint64_t i = 1; i <= 5; ++i) {
    batch.request.low = i;
    ASSERT_TRUE(journal->Append(batch).ok());
  }
  const auto run = journal->Find("run");
  ASSERT_TRUE(run.ok()) << run.status();
  server.Run({"CONFIG", "RESETSTAT"});
  SnapshotPart part;
  part.number = part.trim = 5;
  ASSERT_TRUE(journal->Write(*run, part).ok());
  // One call writes, and three delete.
  EXPECT_THAT(server.Run({"INFO", "commandstats"}), HasSubstr("cmdstat_fcall:calls=4,"));
  EXPECT_EQ(journal->Find("run")->waiting_bytes, 0);
}

TEST(RedisStoreTest, ItIsKnownWhetherRedisDeletesWhatItHas) {
  const auto may_evict = [](const std::vector<std::string>& options) {
    const RedisServer server(options);
    return *RedisJournal({server.address(), 1}).MayEvict();
  };
  EXPECT_FALSE(may_evict({}));
  EXPECT_FALSE(may_evict({"--maxmemory-policy", "allkeys-lru"}));  // It has no bound.
  EXPECT_FALSE(may_evict({"--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"}));
  EXPECT_TRUE(may_evict({"--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"}));
}

TEST(RedisStoreTest, ItIsKnownWhetherRedisWritesALog) {
  const RedisServer forgetful;
  EXPECT_FALSE(*RedisJournal({forgetful.address(), 1}).AppendsToFile());
  const RedisServer careful({"--appendonly", "yes"});
  EXPECT_TRUE(*RedisJournal({careful.address(), 1}).AppendsToFile());
}

// Two nodes that have half of the slots each.
class Cluster {
 public:
  Cluster() {
    first_.Run({"CLUSTER", "ADDSLOTSRANGE", "0", "8191"});
    second_.Run({"CLUSTER", "ADDSLOTSRANGE", "8192", "16383"});
    first_.Run({"CLUSTER", "MEET", "127.0.0.1", absl::StrCat(second_.address().port)});
    for (RedisServer* node : {&first_, &second_}) AwaitOk(*node);
  }

  RedisServer& first() { return first_; }
  RedisServer& second() { return second_; }

 private:
  static void AwaitOk(RedisServer& node) {
    constexpr absl::Duration kLongest = absl::Seconds(30);
    const absl::Time end = absl::Now() + kLongest;
    while (node.Run({"CLUSTER", "INFO"}).find("cluster_state:ok") == std::string::npos) {
      ASSERT_LT(absl::Now(), end) << "the cluster does not come up";
      absl::SleepFor(absl::Milliseconds(20));
    }
  }

  RedisServer first_{{"--cluster-enabled", "yes"}};
  RedisServer second_{{"--cluster-enabled", "yes"}};
};

TEST(RedisStoreTest, RunsAreSpreadOverACluster) {
  Cluster cluster;
  JournaledStore store(OpenJournal(cluster.first().address()), Options());
  constexpr int kRuns = 20;
  for (int i = 0; i < kRuns; ++i) {
    OwnedBatch batch = BatchOf(static_cast<uint64_t>(i));
    batch.run = absl::StrCat("run", i);
    const absl::Status recorded = RecordTo(store, batch);
    ASSERT_TRUE(recorded.ok()) << recorded;
  }
  store.FoldAll();
  EXPECT_EQ(store.List({}, "", 100)->size(), kRuns);
  for (int i = 0; i < kRuns; ++i) {
    MemoryStore same({});
    OwnedBatch batch = BatchOf(static_cast<uint64_t>(i));
    batch.run = absl::StrCat("run", i);
    ASSERT_TRUE(RecordTo(same, batch).ok());
    ExpectSameRun(store, same, batch.run);
  }
  for (RedisServer* node : {&cluster.first(), &cluster.second()}) {
    EXPECT_THAT(node->Run({"INFO", "keyspace"}), HasSubstr("db0:keys="));
  }
}

}  // namespace
}  // namespace lossd::runs
