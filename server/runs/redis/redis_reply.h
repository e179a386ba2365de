#ifndef LOSSD_SERVER_RUNS_REDIS_REDIS_REPLY_H_
#define LOSSD_SERVER_RUNS_REDIS_REDIS_REPLY_H_

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"

namespace lossd::runs {

// What Redis answers, or an element of that.
class RedisValue {
 public:
  explicit RedisValue(const redisReply* reply) : reply_(reply) {}

  bool is_error() const { return reply_->type == REDIS_REPLY_ERROR; }
  bool is_nothing() const { return reply_->type == REDIS_REPLY_NIL; }

  // Returns the bytes of a text or an error; none of anything else.
  absl::string_view bytes() const {
    return reply_->str == nullptr ? absl::string_view()
                                  : absl::string_view(reply_->str, reply_->len);
  }
  // Returns a number, also one that is a text; 0 of anything else.
  int64_t number() const;

  // Returns the number of elements; 0 where it is no array.
  size_t size() const { return reply_->type == REDIS_REPLY_ARRAY ? reply_->elements : 0; }
  RedisValue operator[](size_t i) const { return RedisValue(reply_->element[i]); }

 private:
  const redisReply* reply_;
};

// An answer with its memory.
class RedisReply {
 public:
  explicit RedisReply(void* reply) : reply_(static_cast<redisReply*>(reply)) {}

  RedisValue operator*() const { return RedisValue(reply_.get()); }

 private:
  struct Freer {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };

  std::unique_ptr<redisReply, Freer> reply_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REDIS_REDIS_REPLY_H_
