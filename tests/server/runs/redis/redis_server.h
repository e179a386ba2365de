#ifndef LOSSD_TESTS_SERVER_RUNS_REDIS_REDIS_SERVER_H_
#define LOSSD_TESTS_SERVER_RUNS_REDIS_REDIS_SERVER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "server/runs/redis/redis_address.h"

namespace lossd::runs {

// A redis-server of this process on a free port of 127.0.0.1, with a folder of its own. It ends
// with the thread that starts it.
class RedisServer {
 public:
  // Returns whether there is a redis-server.
  static bool IsInstalled();

  // Starts it, with options such as "--requirepass x" in two texts.
  explicit RedisServer(std::vector<std::string> options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // Ends it at once, as a crash does.
  void Kill();
  // Starts it again, at the same port and in the same folder.
  void Start();

  const RedisAddress& address() const { return address_; }
  void SetPassword(const std::string& password) { address_.password = password; }

  // Runs a command, which must succeed, and returns the text that it answers.
  std::string Run(const std::vector<std::string>& command);

 private:
  bool TryStart();

  const std::vector<std::string> options_;
  std::string folder_;
  RedisAddress address_;
  pid_t process_ = 0;
};

}  // namespace lossd::runs

#endif  // LOSSD_TESTS_SERVER_RUNS_REDIS_REDIS_SERVER_H_
