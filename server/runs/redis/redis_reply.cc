#include "server/runs/redis/redis_reply.h"

#include "absl/strings/numbers.h"

namespace lossd::runs {

int64_t RedisValue::number() const {
  if (reply_->type == REDIS_REPLY_INTEGER) return reply_->integer;
  int64_t number = 0;
  return absl::SimpleAtoi(bytes(), &number) ? number : 0;
}

}  // namespace lossd::runs
