#ifndef LOSSD_TESTS_SERVER_RUNS_REDIS_SCRIPTED_REDIS_H_
#define LOSSD_TESTS_SERVER_RUNS_REDIS_SCRIPTED_REDIS_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/runs/redis/redis_address.h"
#include "server/threads/mutex.h"

namespace lossd::runs {

// Listens on a free port of 127.0.0.1 and answers Redis's commands as a test says.
class ScriptedRedis {
 public:
  // Returns the answer, in Redis's protocol, to a command that came over the connection with this
  // number, from 0 on; empty: none ever comes.
  using Script =
      std::function<std::string(int connection, const std::vector<std::string>& command)>;

  explicit ScriptedRedis(Script script);
  ~ScriptedRedis();
  ScriptedRedis(const ScriptedRedis&) = delete;
  ScriptedRedis& operator=(const ScriptedRedis&) = delete;

  const RedisAddress& address() const { return address_; }

 private:
  void Accept();
  void Answer(int connection, int descriptor) const;

  const Script script_;
  RedisAddress address_;
  int listener_ = -1;
  Mutex mutex_;
  std::vector<int> descriptors_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> answering_ ABSL_GUARDED_BY(mutex_);
  std::thread accepting_;
};

}  // namespace lossd::runs

#endif  // LOSSD_TESTS_SERVER_RUNS_REDIS_SCRIPTED_REDIS_H_
