#include "server/runs/redis/redis_journal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/runs/byte_reader.h"
#include "server/runs/byte_writer.h"
#include "server/runs/patience.h"
#include "server/runs/redis/redis_functions.h"

namespace lossd::runs {
namespace {

constexpr char kNames[] = "lossd:runs";

// What functions return, as their comments have it.
constexpr int64_t kAnother = 0;
constexpr int64_t kOlder = 1;
constexpr int64_t kNewRun = 3;

std::string Key(absl::string_view run, absl::string_view part) {
  return absl::StrCat("lossd:{", run, "}:", part);
}

template <typename... Numbers>
std::string Pack(Numbers... numbers) {
  std::string bytes;
  ByteWriter writer(bytes);
  (writer.Add(numbers), ...);
  return bytes;
}

std::string Pack(const RunKind& kind) {
  // −0 is 0, as where numbers are compared.
  return absl::StrCat(Pack(kind.class_count, kind.hard_threshold + 0.0), kind.owner);
}

RunKind ReadKind(absl::string_view bytes) {
  constexpr size_t kNumbers = 16;
  ByteReader reader(bytes);
  RunKind kind;
  kind.class_count = reader.Read<int64_t>();
  kind.hard_threshold = reader.Read<double>();
  if (reader.ok()) kind.owner = std::string(bytes.substr(kNumbers));
  return kind;
}

absl::Time ReadTime(absl::string_view bytes) {
  return absl::FromUnixNanos(ByteReader(bytes).Read<int64_t>());
}

absl::Status NoSuchRun(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("there is no run '", name, "'"));
}

}  // namespace

RedisJournal::RedisJournal(const RedisOptions& options)
    : options_(options), nodes_(options.address, kRedisFunctions) {}

absl::StatusOr<bool> RedisJournal::AppendsToFile() {
  const auto reply = nodes_.Call(kNames, {"INFO", "persistence"});
  if (!reply.ok()) return reply.status();
  return absl::StrContains((**reply).bytes(), "aof_enabled:1");
}

absl::StatusOr<bool> RedisJournal::MayEvict() {
  const auto reply = nodes_.Call(kNames, {"INFO", "memory"});
  if (!reply.ok()) return reply.status();
  const absl::string_view info = (**reply).bytes();
  // A policy for keys that expire does no harm: those of runs do not.
  return absl::StrContains(info, "maxmemory_policy:allkeys-") &&
         !absl::StrContains(info, "\nmaxmemory:0\r");
}

uint64_t RedisJournal::MakeId() {
  const MutexLock lock(&mutex_);
  return absl::Uniform<uint64_t>(random_);
}

absl::Status RedisJournal::AddName(absl::string_view run) {
  {
    const MutexLock lock(&mutex_);
    if (names_.count(run) > 0) return absl::OkStatus();
  }
  const auto reply = nodes_.Call(kNames, {"ZADD", kNames, "0", run});
  if (!reply.ok()) return reply.status();
  constexpr size_t kMostNames = 100'000;
  const MutexLock lock(&mutex_);
  if (names_.size() >= kMostNames) names_.clear();
  names_.emplace(run);
  return absl::OkStatus();
}

void RedisJournal::ForgetName(absl::string_view run) {
  const MutexLock lock(&mutex_);
  const auto name = names_.find(run);
  if (name != names_.end()) names_.erase(name);
}

absl::StatusOr<int64_t> RedisJournal::Append(const NewBatch& batch) {
  // A name without a run does no harm.
  absl::Status named = AddName(batch.run);
  if (!named.ok()) return named;
  const std::string head = Key(batch.run, "head");
  const auto reply = nodes_.Call(
      head, {"FCALL", "lossd_runs_2_append", "3", head, Key(batch.run, "batches"),
             Key(batch.run, "requests"), Pack(MakeId()), Pack(batch.kind),
             Pack(absl::ToUnixNanos(batch.time)), Pack(batch.request.low, batch.request.high),
             absl::StrCat(options_.request_ids), batch.bytes});
  if (!reply.ok()) return reply.status();
  const RedisValue done = **reply;
  if (done.size() != 2) return absl::UnavailableError("Redis answers what is no answer");
  if (done[0].number() == kAnother) {
    absl::Status other = CheckKind(batch.run, batch.kind, ReadKind(done[1].bytes()));
    return other.ok() ? absl::DataLossError("the run's kind is damaged") : other;
  }
  if (done[0].number() == kNewRun) {
    // Another process may have deleted it, and its name, since that was added.
    ForgetName(batch.run);
    const Patience to_the_end(nullptr);
    named = AddName(batch.run);
    if (!named.ok()) return named;
  }
  return done[1].number();
}

absl::StatusOr<JournaledRun> RedisJournal::Find(absl::string_view name) {
  const std::string head = Key(name, "head");
  const auto reply =
      nodes_.Call(head, {"HMGET", head, "id", "kind", "create_time", "update_time", "batches",
                         "folded", "trimmed", "folded_bytes", "waiting_bytes"});
  if (!reply.ok()) return reply.status();
  const RedisValue fields = **reply;
  constexpr size_t kFields = 9;
  if (fields.size() != kFields || fields[0].is_nothing()) return NoSuchRun(name);
  size_t next = 0;
  JournaledRun run;
  run.name = std::string(name);
  run.id = ByteReader(fields[next++].bytes()).Read<uint64_t>();
  run.kind = ReadKind(fields[next++].bytes());
  run.create_time = ReadTime(fields[next++].bytes());
  run.update_time = ReadTime(fields[next++].bytes());
  for (int64_t* number :
       {&run.batch_count, &run.folded, &run.trimmed, &run.folded_bytes, &run.waiting_bytes}) {
    *number = fields[next++].number();
  }
  return run;
}

absl::StatusOr<std::vector<std::string>> RedisJournal::ListNames(absl::string_view after,
                                                                 int64_t limit) {
  const std::string begin = after.empty() ? "-" : absl::StrCat("(", after);
  const auto reply = nodes_.Call(
      kNames, {"ZRANGE", kNames, begin, "+", "BYLEX", "LIMIT", "0", absl::StrCat(limit)});
  if (!reply.ok()) return reply.status();
  std::vector<std::string> names;
  for (size_t i = 0; i < (**reply).size(); ++i) names.emplace_back((**reply)[i].bytes());
  return names;
}

absl::StatusOr<std::vector<JournaledRun>> RedisJournal::List(absl::string_view after,
                                                             int64_t limit) {
  std::vector<JournaledRun> runs;
  std::string last(after);
  while (static_cast<int64_t>(runs.size()) < limit) {
    const auto names = ListNames(last, limit - static_cast<int64_t>(runs.size()));
    if (!names.ok()) return names.status();
    if (names->empty()) break;
    for (const std::string& name : *names) {
      auto run = Find(name);
      if (absl::IsNotFound(run.status())) continue;
      if (!run.ok()) return run.status();
      runs.push_back(*std::move(run));
    }
    last = names->back();
  }
  return runs;
}

absl::Status RedisJournal::Delete(const JournaledRun& run) {
  // Between the two commands the run is in no list.
  const Patience to_the_end(nullptr);
  ForgetName(run.name);
  // First: afterwards it might be the name of a new run, of another process.
  const auto removed = nodes_.Call(kNames, {"ZREM", kNames, run.name});
  if (!removed.ok()) return removed.status();
  const std::string head = Key(run.name, "head");
  const auto reply =
      nodes_.Call(head, {"FCALL", "lossd_runs_2_delete", "5", head, Key(run.name, "batches"),
                         Key(run.name, "requests"), Key(run.name, "state"), Key(run.name, "chunks"),
                         Pack(run.id)});
  if (reply.ok() && (**reply).number() != kAnother) return absl::OkStatus();
  // Of a run that is there still, or of another, the name is added again. One without a run does
  // no harm.
  if (!absl::IsNotFound(Find(run.name).status())) {
    ForgetName(run.name);
    AddName(run.name).IgnoreError();
  }
  return reply.ok() ? NoSuchRun(run.name) : reply.status();
}

absl::StatusOr<std::vector<JournaledBatch>> RedisJournal::ReadBatches(const JournaledRun& run,
                                                                      int64_t after,
                                                                      int64_t most_bytes) {
  const std::string key = Key(run.name, "batches");
  constexpr int64_t kMostAtOnce = 1000;
  const int64_t waiting = std::max<int64_t>(1, run.batch_count - run.trimmed);
  const int64_t bytes = std::max<int64_t>(1, run.waiting_bytes / waiting);
  const int64_t count = std::clamp<int64_t>(most_bytes / bytes, 1, kMostAtOnce);
  std::vector<std::string> numbers;
  std::vector<absl::string_view> command = {"HMGET", key};
  for (int64_t i = 1; i <= count; ++i) numbers.push_back(absl::StrCat(after + i));
  command.insert(command.end(), numbers.begin(), numbers.end());
  const auto reply = nodes_.Call(key, command);
  if (!reply.ok()) return reply.status();
  std::vector<JournaledBatch> batches;
  for (size_t i = 0; i < (**reply).size() && !(**reply)[i].is_nothing(); ++i) {
    batches.push_back({after + 1 + static_cast<int64_t>(i), std::string((**reply)[i].bytes())});
  }
  return batches;
}

absl::StatusOr<std::string> RedisJournal::ReadState(const JournaledRun& run, int64_t most_bytes) {
  const std::string key = Key(run.name, "state");
  const auto reply = nodes_.Call(key, {"GETRANGE", key, "0", absl::StrCat(most_bytes - 1)});
  if (!reply.ok()) return reply.status();
  return std::string((**reply).bytes());
}

absl::Status RedisJournal::ReadChunks(const JournaledRun& run,
                                      absl::FunctionRef<absl::Status(const RecordChunk&)> show) {
  const std::string key = Key(run.name, "chunks");
  constexpr int64_t kAtOnce = 128;
  for (int64_t begin = 0;; begin += kAtOnce) {
    std::vector<std::string> indices;
    std::vector<absl::string_view> command = {"HMGET", key};
    for (int64_t i = 0; i < kAtOnce; ++i) indices.push_back(absl::StrCat(begin + i));
    command.insert(command.end(), indices.begin(), indices.end());
    const auto reply = nodes_.Call(key, command);
    if (!reply.ok()) return reply.status();
    const RedisValue values = **reply;
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].is_nothing()) return absl::OkStatus();
      ByteReader reader(values[i].bytes());
      RecordChunk chunk;
      chunk.index = begin + static_cast<int64_t>(i);
      chunk.number = reader.Read<int64_t>();
      chunk.records = std::string(
          values[i].bytes().substr(std::min(sizeof(int64_t), values[i].bytes().size())));
      absl::Status shown = show(chunk);
      if (!shown.ok()) return shown;
    }
    if (values.size() == 0) return absl::OkStatus();
  }
}

absl::Status RedisJournal::Write(const JournaledRun& run, const SnapshotPart& part) {
  const std::string head = Key(run.name, "head");
  const std::string state = Key(run.name, "state");
  const std::string chunks = Key(run.name, "chunks");
  constexpr int64_t kRequestBytes = 100;
  const int64_t bytes =
      part.folded_bytes + kRequestBytes * std::min(run.batch_count, options_.request_ids);
  std::vector<std::string> texts = {Pack(run.id), absl::StrCat(part.number), absl::StrCat(bytes)};
  texts.reserve(texts.size() + 2 * part.chunks.size());
  for (const RecordChunk& chunk : part.chunks) {
    texts.push_back(absl::StrCat(chunk.index));
    texts.push_back(absl::StrCat(Pack(chunk.number), chunk.records));
  }
  std::vector<absl::string_view> command = {
      "FCALL", "lossd_runs_2_write", "3", head, state, chunks, texts[0], texts[1]};
  command.emplace_back(part.state);
  command.insert(command.end(), texts.begin() + 2, texts.end());
  const auto reply = nodes_.Call(head, command);
  if (!reply.ok()) return reply.status();
  if ((**reply).number() == kAnother) return NoSuchRun(run.name);
  if ((**reply).number() == kOlder) return absl::AbortedError("the snapshot is newer");
  return part.trim == 0 ? absl::OkStatus() : Trim(run, part.trim);
}

absl::Status RedisJournal::Trim(const JournaledRun& run, int64_t trim) {
  const std::string head = Key(run.name, "head");
  // Redis does nothing else meanwhile.
  constexpr char kBytesAtOnce[] = "16777216";
  constexpr int64_t kMore = 1;
  while (true) {
    const auto reply =
        nodes_.Call(head, {"FCALL", "lossd_runs_2_trim", "2", head, Key(run.name, "batches"),
                           Pack(run.id), absl::StrCat(trim), kBytesAtOnce});
    if (!reply.ok()) return reply.status();
    if ((**reply).number() == kAnother) return NoSuchRun(run.name);
    if ((**reply).number() != kMore) return absl::OkStatus();
  }
}

}  // namespace lossd::runs
