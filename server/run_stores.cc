#include "server/run_stores.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/runs/journal/journaled_store.h"
#include "server/runs/memory_store.h"
#include "server/runs/redis/redis_journal.h"
#include "server/runs/sqlite/sqlite_journal.h"

namespace lossd {
namespace {

using StorePtr = std::shared_ptr<runs::RunStore>;

// A network is asked less often.
constexpr absl::Duration kRedisSweep = absl::Seconds(10);

StorePtr MakeMemoryStore(const Settings& settings) {
  runs::MemoryStoreOptions options;
  options.max_bytes = settings.runs_max_bytes;
  options.max_age = settings.runs_max_age;
  options.request_ids = settings.runs_request_ids;
  return std::make_shared<runs::MemoryStore>(std::move(options));
}

runs::JournaledStoreOptions JournaledOptions(const Settings& settings, const Log& log,
                                             absl::string_view kind) {
  runs::JournaledStoreOptions options;
  options.kind = std::string(kind);
  options.max_bytes = settings.runs_max_bytes;
  options.max_age = settings.runs_max_age;
  options.on_error = [&log](const absl::Status& failed) {
    log.WriteRepeated("runs", LogLevel::kWarning, "runs could not be folded",
                      {{"error", failed.ToString()}});
  };
  return options;
}

absl::Status WithFlag(const absl::Status& failed) {
  return absl::Status(failed.code(), absl::StrCat("--runs: ", failed.message()));
}

absl::StatusOr<StorePtr> OpenSqlite(absl::string_view path, const Settings& settings,
                                    const Log& log) {
  runs::SqliteOptions options;
  options.path = std::string(path);
  options.request_ids = settings.runs_request_ids;
  if (settings.runs_sync == RunsSync::kFull) options.sync = runs::SqliteSync::kFull;
  auto journal = runs::SqliteJournal::Open(options);
  if (!journal.ok()) return WithFlag(journal.status());
  return std::make_shared<runs::JournaledStore>(*std::move(journal),
                                                JournaledOptions(settings, log, "sqlite"));
}

// Says what an operator should know of a Redis that is to keep runs.
void WarnOf(runs::RedisJournal& journal, const Log& log) {
  const auto appends = journal.AppendsToFile();
  if (!appends.ok()) {
    log.Write(LogLevel::kWarning, "runs cannot be recorded yet",
              {{"error", std::string(appends.status().message())}});
  } else if (!*appends) {
    log.Write(LogLevel::kWarning, "Redis forgets runs when it stops: it has not `appendonly yes`");
  }
  const auto evicts = journal.MayEvict();
  if (evicts.ok() && *evicts) {
    log.Write(LogLevel::kWarning,
              "Redis deletes runs, or parts of them, when its memory is full: it has a "
              "`maxmemory-policy` for all keys, expected `noeviction`");
  }
}

absl::StatusOr<StorePtr> OpenRedis(const Settings& settings, const Log& log) {
  auto address = runs::ParseRedisAddress(settings.runs);
  if (!address.ok()) return WithFlag(address.status());
  auto journal = std::make_unique<runs::RedisJournal>(
      runs::RedisOptions{*std::move(address), settings.runs_request_ids});
  WarnOf(*journal, log);
  runs::JournaledStoreOptions options = JournaledOptions(settings, log, "redis");
  options.sweep_interval = kRedisSweep;
  // Every lossd would read the batches of all others.
  options.keeps_current = false;
  return std::make_shared<runs::JournaledStore>(std::move(journal), std::move(options));
}

}  // namespace

absl::StatusOr<StorePtr> MakeRunStore(const Settings& settings, const Log& log) {
  if (settings.runs == "none") return nullptr;
  if (settings.runs == "memory") return MakeMemoryStore(settings);
  absl::string_view path = settings.runs;
  if (absl::ConsumePrefix(&path, "sqlite:")) return OpenSqlite(path, settings, log);
  return OpenRedis(settings, log);
}

}  // namespace lossd
