#include "server/runs/sqlite/wal_checkpoints.h"

#include <chrono>
#include <utility>

namespace lossd::runs {
namespace {

constexpr int kMostBytes = 16 << 20;

// At a log of so many times kMostBytes writers wait while what is left of it is moved, so that it
// begins anew. They wait no longer than this for those who read the log, and it is tried again.
constexpr int kMostLogs = 16;
constexpr int kLongestWaitMilliseconds = 50;

constexpr std::chrono::milliseconds kTick(200);

}  // namespace

absl::StatusOr<std::unique_ptr<WalCheckpoints>> WalCheckpoints::Start(Database& writer,
                                                                      const std::string& path) {
  auto own = Database::Open(path);
  if (!own.ok()) return own.status();
  const auto page = own->ReadNumber("PRAGMA page_size");
  if (!page.ok()) return page.status();
  sqlite3_busy_timeout(own->handle(), kLongestWaitMilliseconds);
  return std::unique_ptr<WalCheckpoints>(
      new WalCheckpoints(*std::move(own), writer, static_cast<int>(*page)));
}

WalCheckpoints::WalCheckpoints(Database own, Database& writer, int page_bytes)
    : own_(std::move(own)), writer_(writer), most_pages_(kMostBytes / page_bytes) {
  sqlite3_wal_hook(writer_.handle(), NotePages, this);
  ticker_ = std::make_unique<Ticker>(kTick, [this] { Tick(); });
}

WalCheckpoints::~WalCheckpoints() {
  ticker_ = nullptr;
  sqlite3_wal_hook(writer_.handle(), nullptr, nullptr);
}

int WalCheckpoints::NotePages(void* self, sqlite3*, const char*, int pages) {
  static_cast<WalCheckpoints*>(self)->pages_ = pages;
  return SQLITE_OK;
}

void WalCheckpoints::Tick() {
  const int pages = pages_;
  if (pages < most_pages_ || pages == moved_) return;
  int in_log = 0;
  int in_database = 0;
  const auto move = [&](int mode) {
    sqlite3_wal_checkpoint_v2(own_.handle(), nullptr, mode, &in_log, &in_database);
  };
  move(SQLITE_CHECKPOINT_PASSIVE);
  // Where batches come all the time, there is always more in the log, which does not begin anew.
  if (in_log > kMostLogs * most_pages_ && in_log > in_database) move(SQLITE_CHECKPOINT_RESTART);
  if (in_log == in_database) moved_ = in_log;
}

}  // namespace lossd::runs
