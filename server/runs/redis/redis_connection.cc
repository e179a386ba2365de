#include "server/runs/redis/redis_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/runs/patience.h"

namespace lossd::runs {
namespace {

// How often a wait looks whether it is still wanted.
constexpr absl::Duration kLookEvery = absl::Milliseconds(50);

absl::Status NotReached(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("Redis cannot be reached: ", why));
}

absl::Status NotReached(const redisContext* context) {
  return NotReached(context == nullptr ? "no memory" : context->errstr);
}

}  // namespace

absl::StatusOr<RedisConnection> RedisConnection::Open(const RedisAddress& address) {
  RedisConnection connection(redisConnectNonBlock(address.host.c_str(), address.port));
  redisContext* const context = connection.context_.get();
  if (context == nullptr || context->err != 0) return NotReached(context);
  absl::Status done = connection.Connect();
  if (!done.ok()) return done;
  redisEnableKeepAlive(context);
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

absl::Status RedisConnection::Await(int16_t events, absl::Duration longest) {
  const absl::Time end = absl::Now() + longest;
  while (true) {
    if (Patience::IsOver()) return absl::CancelledError("nobody waits for Redis any more");
    const absl::Duration left = std::clamp(end - absl::Now(), absl::ZeroDuration(), kLookEvery);
    pollfd polled = {context_->fd, events, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(absl::ToInt64Milliseconds(left)));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return NotReached(std::strerror(errno));
    if (absl::Now() >= end) {
      return NotReached(absl::StrCat("no answer for ", absl::FormatDuration(longest)));
    }
  }
}

absl::Status RedisConnection::Connect() {
  absl::Status connected = Await(POLLOUT, kLongestConnect);
  if (!connected.ok()) return connected;
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? absl::OkStatus() : NotReached(std::strerror(error));
}

absl::Status RedisConnection::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(context_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return NotReached(std::strerror(errno));
    absl::Status may = Await(POLLOUT, kLongestSilence);
    if (!may.ok()) return may;
  }
  return absl::OkStatus();
}

absl::StatusOr<RedisReply> RedisConnection::Receive() {
  while (true) {
    void* reply = nullptr;
    if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) {
      return NotReached(context_.get());
    }
    if (reply != nullptr) return RedisReply(reply);
    absl::Status may = Await(POLLIN, kLongestSilence);
    if (!may.ok()) return may;
    if (redisBufferRead(context_.get()) != REDIS_OK) return NotReached(context_.get());
  }
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
  char* formatted = nullptr;
  const long long size = redisFormatCommandArgv(  // NOLINT(google-runtime-int): hiredis's type
      &formatted, static_cast<int>(command.size()), texts.data(), sizes.data());
  if (size < 0) return NotReached("no memory");
  const std::unique_ptr<char, void (*)(char*)> bytes(formatted, &redisFreeCommand);
  absl::Status sent = Send({formatted, static_cast<size_t>(size)});
  if (!sent.ok()) return sent;
  return Receive();
}

}  // namespace lossd::runs
