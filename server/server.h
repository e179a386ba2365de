#ifndef LOSSD_SERVER_SERVER_H_
#define LOSSD_SERVER_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/handlers/on_run_failure.h"
#include "server/transport/bounds.h"

namespace lossd {

class Log;
namespace runs {
class RunStore;
}  // namespace runs

struct ServerOptions {
  // Addresses as --listen has them.
  std::vector<std::string> listen = {"0.0.0.0:50051"};
  // The largest request and response, serialized.
  int64_t max_message_bytes = int64_t{64} << 20;
  // Requests that arrive or wait, and their answers; 0: as rpc::MakeLimits() says.
  int64_t max_in_flight_bytes = 0;
  transport::Bounds bounds;
  // Files in PEM. With the first two the server speaks TLS at its TCP addresses, and with the third
  // it takes only clients whose certificate one of these authorities has signed. They are read
  // again when they change.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  // The file of the tokens of which each call needs one, read again when it changes; none if empty.
  std::string token_file;
  // Tells tools what services and messages there are. With tokens, those that have one.
  bool reflection = true;
  // Threads that compute; 0: as many as there are CPUs for this process.
  int threads = 0;
  // Gets an entry for each call that ends in an error. Not owned; null logs nothing.
  const Log* log = nullptr;
  // Called on a thread of the server's when it accepts no connections any more at an address,
  // though nobody stopped it.
  std::function<void()> on_deaf;
  // Writes an entry at level info for each call, too.
  bool access_log = false;
  // The address of the HTTP server that shows metrics and health, as --metrics-listen has it; none
  // if empty.
  std::string metrics_listen;
  // Where training runs are kept; null keeps none.
  std::shared_ptr<runs::RunStore> runs;
  // Answers batches that their run could not take, and counts them.
  rpc::OnRunFailure on_run_failure = rpc::OnRunFailure::kRefuse;
  // The address of the HTTP server that shows the live page of training runs, as --web-listen has
  // it; none if empty.
  std::string web_listen;
};

// A gRPC server of lossd.v1.LossService and lossd.v1.RunService, with reflection and the standard
// health service, which answers SERVING for "" and for each of the four.
//
//   auto server = Server::Create(options);
//   if (!server.ok()) ...
//   (*server)->Shutdown(absl::Seconds(30));
class Server {
 public:
  // Listens and serves from here on. The error names the address that it cannot listen at and says
  // why.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const ServerOptions& options);

  // Shuts down without grace unless Shutdown() was called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Returns the addresses of the options, with real ports in place of 0.
  const std::vector<std::string>& addresses() const;
  // Returns the address of metrics_listen in the same way; "" if there is none.
  std::string metrics_address() const;
  // Returns the address of web_listen in the same way.
  std::string web_address() const;

  // Reads the files of certificates at once; connections to come get what they have. Returns what
  // is wrong with them, and goes on with those of before then. OK without TLS.
  absl::Status ReloadCertificates();

  // Reads the file of tokens at once. Returns what is wrong with it, a line for each fault, and
  // goes on with the tokens of before then. OK without such a file.
  absl::Status ReloadTokens();

  // Stops and loses no call of a client that heeds what it is told: answers NOT_SERVING to clients
  // that ask for its health and everything else as before for `delay`; then takes no connections,
  // and waits for those that there are to leave at their age, and for streams until nothing was in
  // flight for a second. What is there shortly before `timeout`, of which the delay is a part, ends
  // as by Shutdown(). Returns what that does.
  bool DrainAndShutdown(absl::Duration delay, absl::Duration timeout);

  // Takes no new calls, answers NOT_SERVING to clients that watch its health, and returns when the
  // calls in flight are finished; cancels those that are not after `grace`, or whose request or
  // answer does not move, and then returns false. Waits for no connection that is merely open.
  bool Shutdown(absl::Duration grace);

 private:
  class Rooms;
  explicit Server(std::unique_ptr<Rooms> rooms);

  std::unique_ptr<Rooms> rooms_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_SERVER_H_
