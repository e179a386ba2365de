#ifndef LOSSD_SERVER_WEB_RUNS_REQUEST_GUARD_H_
#define LOSSD_SERVER_WEB_RUNS_REQUEST_GUARD_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/web/page.h"

namespace lossd::web {

// By which names a browser may call the server.
enum class HostRule {
  kAny,
  // localhost, 127.0.0.1 or [::1], for a server that only this machine reaches: a site of the
  // internet that lets its own name point there is refused (DNS rebinding).
  kThisMachine,
};

// Returns PERMISSION_DENIED for what a browser asks in the name of another site than the page's.
// Programs that are no browsers say nothing of a site, and pass.
absl::Status CheckSite(const PageRequest& request, HostRule rule);

// Returns the headers that let a browser run the page's own scripts alone, show it in no frame, and
// tell nobody where it was.
std::vector<std::pair<std::string, std::string>> SecurityHeaders();

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_REQUEST_GUARD_H_
