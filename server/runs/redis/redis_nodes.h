#ifndef LOSSD_SERVER_RUNS_REDIS_REDIS_NODES_H_
#define LOSSD_SERVER_RUNS_REDIS_REDIS_NODES_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/runs/redis/redis_address.h"
#include "server/runs/redis/redis_connection.h"
#include "server/runs/redis/redis_reply.h"
#include "server/threads/mutex.h"

namespace lossd::runs {

// One Redis, or the nodes of a cluster: connections, which are made anew when they break, and what
// is known of where keys are. Thread-safe; calls at the same time have connections of their own.
class RedisNodes {
 public:
  // `library` is loaded where a function of it is not there.
  RedisNodes(RedisAddress first, std::string library)
      : first_(std::move(first)), library_(std::move(library)) {}

  // Sends a command to the node that has `key`, and waits for its answer, which is no error. A
  // command may be sent twice: where a connection breaks, nobody knows whether the first came
  // through. UNAVAILABLE where no node answers, or with an error; at once where it has just
  // answered too late. CANCELLED where the thread's Patience is over.
  absl::StatusOr<RedisReply> Call(absl::string_view key,
                                  const std::vector<absl::string_view>& command);

 private:
  using Node = std::pair<std::string, int>;  // host and port

  // A node that has answered too late.
  struct Late {
    absl::Time until;
    absl::Status why;
  };

  // A command on its way.
  struct Journey {
    int slot;
    Node node;
    bool asking = false;  // the node does not have the slot yet
    int breaks = 0;
    absl::Status last;
  };

  // Sends the command to the node where the journey is. Returns nothing where it is to be sent
  // again, to where the journey is then.
  std::optional<absl::StatusOr<RedisReply>> Try(const std::vector<absl::string_view>& command,
                                                Journey& journey);
  // What is to be done after an error.
  enum class Turn {
    kEnd,    // it is the answer
    kAgain,  // the command is sent again
    kAnew,   // the same, over another connection
  };
  // Does what an error says that is to be done before the command is sent again.
  Turn Follow(absl::string_view error, RedisConnection& connection, Journey& journey);
  // Loads the library.
  Turn Load(RedisConnection& connection, Journey& journey);
  // Goes on from a node that has become a replica: behind its address there may be another by now.
  Turn FollowFailover(Journey& journey) ABSL_LOCKS_EXCLUDED(mutex_);
  // Goes on from a node that did not answer. Returns false where it does no more.
  bool FollowBreak(const absl::Status& broken, Journey& journey) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<RedisConnection> Take(const Node& node) ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets nobody wait for a node in the time after it has answered too late.
  void NoteBreak(const Node& node, absl::Duration waited, const absl::Status& broken)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveBack(const Node& node, RedisConnection connection) ABSL_LOCKS_EXCLUDED(mutex_);

  const RedisAddress first_;
  const std::string library_;
  Mutex mutex_;
  std::map<int, Node> moved_ ABSL_GUARDED_BY(mutex_);  // slots that are not at the first node
  std::map<Node, std::vector<RedisConnection>> free_ ABSL_GUARDED_BY(mutex_);
  std::map<Node, Late> late_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REDIS_REDIS_NODES_H_
