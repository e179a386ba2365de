#ifndef LOSSD_SERVER_RUNS_REDIS_REDIS_CONNECTION_H_
#define LOSSD_SERVER_RUNS_REDIS_REDIS_CONNECTION_H_

#include <hiredis/hiredis.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/runs/redis/redis_address.h"
#include "server/runs/redis/redis_reply.h"

namespace lossd::runs {

// A connection to one Redis. For one thread at a time; of no use after an error.
class RedisConnection {
 public:
  // Connects, tells user and password, and chooses the database. UNAVAILABLE where that fails.
  static absl::StatusOr<RedisConnection> Open(const RedisAddress& address);

  // Sends a command and waits for its answer, which may be an error of Redis. UNAVAILABLE where
  // none comes.
  absl::StatusOr<RedisReply> Call(const std::vector<absl::string_view>& command);

 private:
  struct Closer {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  explicit RedisConnection(redisContext* context) : context_(context) {}
  // Calls with a password, which no error has.
  absl::Status Authenticate(const std::vector<absl::string_view>& command);
  // Calls, and returns an error of Redis as a status.
  absl::Status Run(const std::vector<absl::string_view>& command);

  std::unique_ptr<redisContext, Closer> context_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REDIS_REDIS_CONNECTION_H_
