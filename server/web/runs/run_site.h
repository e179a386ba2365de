#ifndef LOSSD_SERVER_WEB_RUNS_RUN_SITE_H_
#define LOSSD_SERVER_WEB_RUNS_RUN_SITE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/rpc/call.h"
#include "server/web/http_server.h"
#include "server/web/runs/asked_call.h"
#include "server/web/runs/run_call.h"

namespace lossd {
class Log;
}  // namespace lossd

namespace lossd::web {

// The live page of training runs, at an address of its own. Clients of the page have the threads of
// their connections, and compute on no other.
class RunSite {
 public:
  // Listens at `address` as HttpServer does, for pages that ask `methods`.
  static absl::StatusOr<std::unique_ptr<RunSite>> Listen(
      absl::string_view address, const Log* log, const std::vector<rpc::MethodRow>& methods);

  // Begins to answer. Streams of events end when `serving` returns false. `on_deaf` is as
  // HttpServer has it.
  void Start(CallSurroundings around, std::function<bool()> serving, std::function<void()> on_deaf);

  const std::string& address() const { return server_->address(); }

 private:
  RunSite(std::unique_ptr<HttpServer> server, const Log* log,
          const std::vector<rpc::MethodRow>& methods);

  const std::unique_ptr<HttpServer> server_;
  const Log* const log_;
  RunCalls calls_;
};

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_RUN_SITE_H_
