#include "server/runs/redis/redis_nodes.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/runs/patience.h"
#include "server/runs/redis/key_slot.h"

namespace lossd::runs {
namespace {

constexpr int kMostTries = 10;
constexpr int kMostBreaks = 2;
constexpr absl::Duration kDelay = absl::Milliseconds(20);

// Reads the address of "MOVED 3999 127.0.0.1:6381"; without a host, `node` has it already.
bool ReadNode(absl::string_view error, std::pair<std::string, int>& node) {
  const std::vector<absl::string_view> words = absl::StrSplit(error, ' ');
  constexpr size_t kWords = 3;
  if (words.size() != kWords) return false;
  const absl::string_view address = words[2];
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return false;
  }
  if (colon > 0) node.first = std::string(address.substr(0, colon));
  node.second = port;
  return true;
}

}  // namespace

absl::StatusOr<RedisReply> RedisNodes::Call(absl::string_view key,
                                            const std::vector<absl::string_view>& command) {
  Journey journey = {KeySlot(key), {first_.host, first_.port}, false, 0, {}};
  {
    const MutexLock lock(&mutex_);
    const auto moved = moved_.find(journey.slot);
    if (moved != moved_.end()) journey.node = moved->second;
  }
  for (int i = 0; i < kMostTries; ++i) {
    auto answer = Try(command, journey);
    if (answer) return *std::move(answer);
  }
  return journey.last;
}

std::optional<absl::StatusOr<RedisReply>> RedisNodes::Try(
    const std::vector<absl::string_view>& command, Journey& journey) {
  const Node node = journey.node;
  const absl::Time begin = absl::Now();
  auto connection = Take(node);
  if (connection.ok() && journey.asking) {
    const auto asked = connection->Call({"ASKING"});
    if (!asked.ok()) connection = asked.status();
  }
  auto reply =
      connection.ok() ? connection->Call(command) : absl::StatusOr<RedisReply>(connection.status());
  if (absl::IsCancelled(reply.status())) return reply;  // That says nothing of the node.
  if (!reply.ok()) {
    NoteBreak(node, absl::Now() - begin, reply.status());
    if (FollowBreak(reply.status(), journey)) return std::nullopt;
    return reply;
  }
  const RedisValue value = **reply;
  const Turn turn = value.is_error() ? Follow(value.bytes(), *connection, journey) : Turn::kEnd;
  if (turn != Turn::kAnew) GiveBack(node, *std::move(connection));
  if (!value.is_error()) return reply;
  journey.last = absl::UnavailableError(absl::StrCat("Redis: ", value.bytes()));
  if (turn != Turn::kEnd && !Patience::IsOver()) return std::nullopt;
  return journey.last;
}

RedisNodes::Turn RedisNodes::Follow(absl::string_view error, RedisConnection& connection,
                                    Journey& journey) {
  journey.asking = false;
  if (absl::StartsWith(error, "MOVED ")) {
    if (!ReadNode(error, journey.node)) return Turn::kEnd;
    const MutexLock lock(&mutex_);
    moved_[journey.slot] = journey.node;
    return Turn::kAgain;
  }
  if (absl::StartsWith(error, "ASK ")) {
    journey.asking = true;
    return ReadNode(error, journey.node) ? Turn::kAgain : Turn::kEnd;
  }
  if (absl::StartsWith(error, "ERR Function not found")) return Load(connection, journey);
  if (absl::StartsWith(error, "READONLY ")) return FollowFailover(journey);
  if (absl::StartsWith(error, "TRYAGAIN") || absl::StartsWith(error, "LOADING")) {
    absl::SleepFor(kDelay);
    return Turn::kAgain;
  }
  return Turn::kEnd;
}

RedisNodes::Turn RedisNodes::Load(RedisConnection& connection, Journey& journey) {
  const auto loaded = connection.Call({"FUNCTION", "LOAD", "REPLACE", library_});
  if (!loaded.ok()) return Turn::kAnew;
  if (!(**loaded).is_error()) return Turn::kAgain;
  return absl::StartsWith((**loaded).bytes(), "READONLY ") ? FollowFailover(journey) : Turn::kEnd;
}

RedisNodes::Turn RedisNodes::FollowFailover(Journey& journey) {
  {
    const MutexLock lock(&mutex_);
    free_.erase(journey.node);
    moved_.erase(journey.slot);
  }
  journey.node = {first_.host, first_.port};
  absl::SleepFor(kDelay);
  return Turn::kAnew;
}

bool RedisNodes::FollowBreak(const absl::Status& broken, Journey& journey) {
  journey.last = broken;
  journey.asking = false;
  const MutexLock lock(&mutex_);
  // The others are as old.
  free_.erase(journey.node);
  moved_.erase(journey.slot);
  journey.node = {first_.host, first_.port};
  return ++journey.breaks < kMostBreaks;
}

void RedisNodes::NoteBreak(const Node& node, absl::Duration waited, const absl::Status& broken) {
  constexpr absl::Duration kLate = absl::Milliseconds(900);
  constexpr absl::Duration kRest = absl::Seconds(1);
  if (waited < kLate) return;
  const MutexLock lock(&mutex_);
  late_[node] = {absl::Now() + kRest, broken};
}

absl::StatusOr<RedisConnection> RedisNodes::Take(const Node& node) {
  {
    const MutexLock lock(&mutex_);
    if (const auto late = late_.find(node); late != late_.end()) {
      if (absl::Now() < late->second.until) return late->second.why;
      late_.erase(late);
    }
    std::vector<RedisConnection>& free = free_[node];
    if (!free.empty()) {
      RedisConnection connection = std::move(free.back());
      free.pop_back();
      return connection;
    }
  }
  RedisAddress address = first_;
  address.host = node.first;
  address.port = node.second;
  return RedisConnection::Open(address);
}

void RedisNodes::GiveBack(const Node& node, RedisConnection connection) {
  constexpr size_t kMostFree = 64;
  const MutexLock lock(&mutex_);
  std::vector<RedisConnection>& free = free_[node];
  if (free.size() < kMostFree) free.push_back(std::move(connection));
}

}  // namespace lossd::runs
