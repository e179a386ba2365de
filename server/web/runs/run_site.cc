#include "server/web/runs/run_site.h"

#include <utility>

#include "absl/strings/match.h"
#include "server/process/log.h"
#include "server/web/runs/method_calls.h"
#include "server/web/runs/run_feed.h"
#include "server/web/runs/run_pages.h"

namespace lossd::web {
namespace {

// Beside the streams of events, which last.
constexpr int kMostShortConnections = 16;

}  // namespace

absl::StatusOr<std::unique_ptr<RunSite>> RunSite::Listen(
    absl::string_view address, const Log* log, const std::vector<rpc::MethodRow>& methods) {
  HttpBounds bounds;
  bounds.max_connections = RunFeed::kMostWatchers + kMostShortConnections;
  auto server = HttpServer::Listen(address, log, bounds);
  if (!server.ok()) return server.status();
  // The constructor is private.
  return std::unique_ptr<RunSite>(new RunSite(*std::move(server), log, methods));
}

RunSite::RunSite(std::unique_ptr<HttpServer> server, const Log* log,
                 const std::vector<rpc::MethodRow>& methods)
    : server_(std::move(server)), log_(log), calls_(MethodCalls(methods)) {}

void RunSite::Start(CallSurroundings around, std::function<bool()> serving,
                    std::function<void()> on_deaf) {
  RunPagesOptions options = {std::move(calls_), around};
  // A Unix socket has a proxy before it, which knows its own names.
  const bool is_own = !server_->is_on_network() && !absl::StartsWith(address(), "unix:");
  options.hosts = is_own ? HostRule::kThisMachine : HostRule::kAny;
  options.serving = std::move(serving);
  if (log_ != nullptr && server_->is_on_network()) {
    log_->Write(LogLevel::kWarning,
                "the live page is plain text, and so are the tokens that it sends, if there are "
                "any: put a proxy with TLS before it, or listen at 127.0.0.1 or a Unix socket",
                {{"web", address()}});
  }
  server_->Start(MakeRunPages(std::move(options)), std::move(on_deaf));
}

}  // namespace lossd::web
