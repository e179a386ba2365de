#include "server/runs/redis/redis_connection.h"

#include <sys/time.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lossd::runs {
namespace {

constexpr timeval kLongestConnect = {2, 0};
constexpr timeval kLongestCall = {10, 0};

absl::Status NotReached(const redisContext* context) {
  return absl::UnavailableError(absl::StrCat("Redis cannot be reached: ",
                                             context == nullptr ? "no memory" : context->errstr));
}

}  // namespace

absl::StatusOr<RedisConnection> RedisConnection::Open(const RedisAddress& address) {
  RedisConnection connection(
      redisConnectWithTimeout(address.host.c_str(), address.port, kLongestConnect));
  redisContext* const context = connection.context_.get();
  if (context == nullptr || context->err != 0) return NotReached(context);
  if (redisSetTimeout(context, kLongestCall) != REDIS_OK) return NotReached(context);
  redisEnableKeepAlive(context);
  absl::Status done;
  if (!address.password.empty() && address.user.empty()) {
    done = connection.Authenticate({"AUTH", address.password});
  } else if (!address.password.empty()) {
    done = connection.Authenticate({"AUTH", address.user, address.password});
  }
  if (done.ok() && address.database != 0) {
    done = connection.Run({"SELECT", absl::StrCat(address.database)});
  }
  if (!done.ok()) return done;
  return connection;
}

absl::Status RedisConnection::Authenticate(const std::vector<absl::string_view>& command) {
  const auto reply = Call(command);
  if (!reply.ok()) return reply.status();
  if (!(**reply).is_error()) return absl::OkStatus();
  // Not its text: where Redis does not know the command, that has the password.
  const bool is_wrong = absl::StartsWith((**reply).bytes(), "WRONGPASS ");
  return absl::UnavailableError(is_wrong ? "Redis: WRONGPASS: no such user, or another password"
                                         : "Redis does not take AUTH with a password");
}

absl::Status RedisConnection::Run(const std::vector<absl::string_view>& command) {
  const auto reply = Call(command);
  if (!reply.ok()) return reply.status();
  if (!(**reply).is_error()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("Redis: ", (**reply).bytes()));
}

absl::StatusOr<RedisReply> RedisConnection::Call(const std::vector<absl::string_view>& command) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  texts.reserve(command.size());
  sizes.reserve(command.size());
  for (const absl::string_view part : command) {
    texts.push_back(part.data());
    sizes.push_back(part.size());
  }
  void* const reply = redisCommandArgv(context_.get(), static_cast<int>(command.size()),
                                       texts.data(), sizes.data());
  if (reply == nullptr) return NotReached(context_.get());
  return RedisReply(reply);
}

}  // namespace lossd::runs
