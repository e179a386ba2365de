#ifndef LOSSD_SERVER_RUNS_REDIS_REDIS_ADDRESS_H_
#define LOSSD_SERVER_RUNS_REDIS_REDIS_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lossd::runs {

// Where a Redis is, and how to speak to it.
struct RedisAddress {
  std::string host;
  int port = 6379;
  std::string user;      // empty: the default one
  std::string password;  // empty: none is asked for
  int database = 0;
};

// Reads redis://[[user]:password@]host[:port][/database]. In user and password, %XX is a byte; a
// host with colons stands in brackets. Errors do not show the text, which may have a password.
absl::StatusOr<RedisAddress> ParseRedisAddress(absl::string_view url);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REDIS_REDIS_ADDRESS_H_
