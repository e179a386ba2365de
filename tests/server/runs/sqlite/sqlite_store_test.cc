#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/runs/journal/journaled_store.h"
#include "server/runs/sqlite/database.h"
#include "server/runs/sqlite/journal_writer.h"
#include "server/runs/sqlite/schema.h"
#include "server/runs/sqlite/sqlite_journal.h"
#include "tests/server/runs/journal/journal_contract_test.h"
#include "tests/server/runs/same_runs.h"
#include "tests/server/runs/sqlite/sqlite_file.h"
#include "tests/server/runs/store_contract_test.h"

namespace lossd::runs {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<RunJournal> OpenJournal(const std::string& path, int64_t request_ids) {
  SqliteOptions options;
  options.path = path;
  options.request_ids = request_ids;
  auto journal = SqliteJournal::Open(options);
  EXPECT_TRUE(journal.ok()) << journal.status();
  return *std::move(journal);
}

class SqliteStorePlace final : public StorePlace {
 public:
  std::unique_ptr<RunStore> Open(const StoreOptions& options) override {
    JournaledStoreOptions journaled;
    journaled.kind = "sqlite";
    journaled.max_bytes = options.max_bytes;
    journaled.max_age = options.max_age;
    journaled.now = options.now;
    return std::make_unique<JournaledStore>(OpenJournal(file_.path(), options.request_ids),
                                            std::move(journaled));
  }
  bool Outlives() const override { return true; }

 private:
  const SqliteFile file_;
};

class SqliteJournalPlace final : public JournalPlace {
 public:
  std::unique_ptr<RunJournal> Open(int64_t request_ids) override {
    return OpenJournal(file_.path(), request_ids);
  }

 private:
  const SqliteFile file_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContractTest, testing::Values([] {
                           return std::unique_ptr<StorePlace>(std::make_unique<SqliteStorePlace>());
                         }));
INSTANTIATE_TEST_SUITE_P(Sqlite, JournalContractTest, testing::Values([] {
                           return std::unique_ptr<JournalPlace>(
                               std::make_unique<SqliteJournalPlace>());
                         }));

// Returns why a file cannot be opened.
absl::Status Refusal(const std::string& path) {
  SqliteOptions options;
  options.path = path;
  return SqliteJournal::Open(options).status();
}

void RunIn(const std::string& path, const std::string& sql) {
  auto database = Database::Open(path);
  ASSERT_TRUE(database.ok()) << database.status();
  const absl::Status done = database->Run(sql);
  ASSERT_TRUE(done.ok()) << done;
}

std::string BytesOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(SqliteFileTest, ANewFileWritesALogAhead) {
  const SqliteFile file;
  OpenJournal(file.path(), 1);
  auto database = Database::Open(file.path());
  ASSERT_TRUE(database.ok());
  EXPECT_EQ(*database->ReadText("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(*database->ReadNumber("PRAGMA page_size"), 8192);
}

TEST(SqliteFileTest, NamesOfRunsThatWentAreUsedAgainOnceAllWereGiven) {
  const SqliteFile file;
  const auto record = [](RunStore& store, const std::string& run) {
    const absl::Status recorded = RecordTo(store, NewSamples(run, 0, 5));
    EXPECT_TRUE(recorded.ok()) << recorded;
  };
  const auto expect_all = [](RunStore& store, const std::vector<std::string>& runs) {
    for (const std::string& run : runs) EXPECT_EQ(SamplesOf(store, run).size(), 5U) << run;
  };
  {
    JournaledStore store(OpenJournal(file.path(), 1000), {});
    for (const std::string run : {"first", "second"}) record(store, run);
  }
  // As if nearly 2²³ runs had been made and deleted.
  RunIn(file.path(), "UPDATE sqlite_sequence SET seq = 8388605 WHERE name = 'runs'");
  {
    JournaledStore store(OpenJournal(file.path(), 1000), {});
    for (const std::string run : {"last", "third", "fourth"}) record(store, run);
    store.FoldAll();
    expect_all(store, {"first", "second", "last", "third", "fourth"});
    ASSERT_TRUE(store.Delete("third", {}).ok());
    for (const std::string run : {"third", "fifth"}) record(store, run);
    expect_all(store, {"first", "second", "last", "third", "fourth", "fifth"});
  }
  JournaledStore store(OpenJournal(file.path(), 1000), {});
  record(store, "sixth");
  expect_all(store, {"first", "second", "last", "third", "fourth", "fifth", "sixth"});
}

// Nobody records while rows are deleted.
TEST(SqliteFileTest, LargeBatchesOfADeletedRunGoAFewAtATime) {
  const SqliteFile file;
  { JournaledStore store(OpenJournal(file.path(), 1000), {}); }
  auto database = Database::Open(file.path());
  ASSERT_TRUE(database.ok()) << database.status();
  auto writer = JournalWriter::Open(*std::move(database), 1000);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::string bytes(10 << 20, 'x');
  NewBatch batch;
  batch.run = "run";
  batch.bytes = bytes;
  const auto run = (*writer)->InsertRun(batch);
  ASSERT_TRUE(run.ok()) << run.status();
  for (int64_t number = 2; number <= 5; ++number) {
    ASSERT_TRUE((*writer)->InsertBatch(*run, number, batch).ok());
  }
  ASSERT_TRUE((*writer)->DeleteRun(*run).ok());
  std::vector<int64_t> left;
  while (true) {
    const auto more = (*writer)->DeleteLeftRows(*run);
    ASSERT_TRUE(more.ok()) << more.status();
    if (!*more) break;
    left.push_back(*(*writer)->database().ReadNumber("SELECT count(*) FROM batches"));
  }
  EXPECT_THAT(left, testing::ElementsAre(3, 1, 0));
}

TEST(SqliteFileTest, SmallBatchesOfADeletedRunGoAThousandAtATime) {
  const SqliteFile file;
  { JournaledStore store(OpenJournal(file.path(), 1000), {}); }
  auto database = Database::Open(file.path());
  ASSERT_TRUE(database.ok()) << database.status();
  auto writer = JournalWriter::Open(*std::move(database), 1000);
  ASSERT_TRUE(writer.ok()) << writer.status();
  NewBatch batch;
  batch.run = "run";
  batch.bytes = "x";
  const auto run = (*writer)->InsertRun(batch);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE((*writer)->database().Run("BEGIN").ok());
  for (int64_t number = 2; number <= 2500; ++number) {
    ASSERT_TRUE((*writer)->InsertBatch(*run, number, batch).ok());
  }
  ASSERT_TRUE((*writer)->database().Run("COMMIT").ok());
  ASSERT_TRUE((*writer)->DeleteRun(*run).ok());
  for (const int64_t left : {1500, 500, 0}) {
    const auto more = (*writer)->DeleteLeftRows(*run);
    ASSERT_TRUE(more.ok()) << more.status();
    EXPECT_EQ(*(*writer)->database().ReadNumber("SELECT count(*) FROM batches"), left);
  }
}

TEST(SqliteFileTest, AStateIsReadOrIsEmptyWhileItsRunIsDeleted) {
  const SqliteFile file;
  const auto journal = OpenJournal(file.path(), 1000);
  std::atomic<uint64_t> id = 0;
  std::atomic<bool> ends = false;
  std::thread reading([&] {
    JournaledRun run;
    while (!ends) {
      run.id = id;
      const auto state = journal->ReadState(run, 1 << 20);
      EXPECT_TRUE(state.ok()) << state.status();
      EXPECT_TRUE(!state.ok() || state->empty() || *state == "state");
    }
  });
  NewBatch batch;
  batch.run = "run";
  batch.bytes = "x";
  SnapshotPart part;
  part.state = "state";
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(journal->Append(batch).ok());
    const auto run = journal->Find("run");
    EXPECT_TRUE(run.ok() && journal->Write(*run, part).ok());
    id = run.ok() ? run->id : 0;
    EXPECT_TRUE(run.ok() && journal->Delete(*run).ok());
  }
  ends = true;
  reading.join();
}

TEST(SqliteFileTest, AFileOfANewerVersionIsRefusedAndStaysWhatItIs) {
  const SqliteFile file;
  OpenJournal(file.path(), 1);
  RunIn(file.path(), "PRAGMA user_version = 99");
  const absl::Status refused = Refusal(file.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("runs.db has version 99"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("newer lossd"));
  auto database = Database::Open(file.path());
  ASSERT_TRUE(database.ok());
  EXPECT_EQ(*database->ReadNumber("PRAGMA user_version"), 99);
}

TEST(SqliteFileTest, AnotherProgramsFileIsRefused) {
  const SqliteFile file;
  RunIn(file.path(), "CREATE TABLE cakes (name TEXT)");
  const std::string before = BytesOf(file.path());
  EXPECT_THAT(std::string(Refusal(file.path()).message()), HasSubstr("another program"));
  EXPECT_TRUE(BytesOf(file.path()) == before);
  const SqliteFile text;
  { std::ofstream(text.path()) << "This is no database, but a text of some length."; }
  EXPECT_FALSE(Refusal(text.path()).ok());
}

TEST(SqliteFileTest, OneProcessAtATimeHasTheFile) {
  const SqliteFile file;
  const auto journal = OpenJournal(file.path(), 1);
  const absl::Status refused = Refusal(file.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is used by another lossd"));
}

TEST(SqliteFileTest, AFolderThatIsNotThereIsNamed) {
  const absl::Status refused = Refusal("/not/there/runs.db");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("/not/there/runs.db"));
}

}  // namespace
}  // namespace lossd::runs
