#ifndef LOSSD_SERVER_RUNS_REDIS_REDIS_CONNECTION_H_
#define LOSSD_SERVER_RUNS_REDIS_REDIS_CONNECTION_H_

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/runs/redis/redis_address.h"
#include "server/runs/redis/redis_reply.h"

namespace lossd::runs {

// A connection to one Redis. For one thread at a time; of no use after an error. It waits for
// kLongestConnect, and for kLongestSilence for Redis to take or send more. Errors: UNAVAILABLE
// where it does not; CANCELLED where the thread's Patience is over before.
class RedisConnection {
 public:
  static constexpr absl::Duration kLongestConnect = absl::Seconds(1);
  static constexpr absl::Duration kLongestSilence = absl::Seconds(2);

  // Connects, tells user and password, and chooses the database.
  static absl::StatusOr<RedisConnection> Open(const RedisAddress& address);

  // Sends a command and waits for its answer, which may be an error of Redis.
  absl::StatusOr<RedisReply> Call(const std::vector<absl::string_view>& command);

 private:
  struct Closer {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  explicit RedisConnection(redisContext* context) : context_(context) {}
  absl::Status Connect();
  absl::Status Send(absl::string_view bytes);
  absl::StatusOr<RedisReply> Receive();
  // Waits for one of poll()'s events.
  absl::Status Await(int16_t events, absl::Duration longest);
  // Calls with a password, which no error has.
  absl::Status Authenticate(const std::vector<absl::string_view>& command);
  // Calls, and returns an error of Redis as a status.
  absl::Status Run(const std::vector<absl::string_view>& command);

  std::unique_ptr<redisContext, Closer> context_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REDIS_REDIS_CONNECTION_H_
